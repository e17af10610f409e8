"""An experiment: its settings, the file that holds them, and the points of its sweep. Knows nothing of stages."""

from mlpo_core.experiment.benchmark import Benchmark, Inference, Stop
from mlpo_core.experiment.claims import Claim, Claims
from mlpo_core.experiment.config import Experiment, restrict, without_engines
from mlpo_core.experiment.engine import EngineConfig, Price
from mlpo_core.experiment.grading import Grading
from mlpo_core.experiment.judge import Judge
from mlpo_core.experiment.map import Axis, Map, Plane
from mlpo_core.experiment.mix import Mix
from mlpo_core.experiment.models import BaseModels, Revision
from mlpo_core.experiment.prompts import STANDARD, Prompts
from mlpo_core.experiment.proposals import Filter, Proposals
from mlpo_core.experiment.reading import load, parse
from mlpo_core.experiment.section import KEYS
from mlpo_core.experiment.tasks import TaskSource
from mlpo_core.experiment.team import RECORDED, Agent, Leader, Team
from mlpo_core.experiment.training import MLPO, RL, SFT, GRPOBaseline, LoRA, SCoRe

__all__ = [
    "KEYS",
    "MLPO",
    "RECORDED",
    "RL",
    "SFT",
    "STANDARD",
    "Agent",
    "Axis",
    "BaseModels",
    "Benchmark",
    "Claim",
    "Claims",
    "EngineConfig",
    "Experiment",
    "Filter",
    "GRPOBaseline",
    "Grading",
    "Inference",
    "Judge",
    "Leader",
    "LoRA",
    "Map",
    "Mix",
    "Plane",
    "Price",
    "Prompts",
    "Proposals",
    "Revision",
    "SCoRe",
    "Stop",
    "TaskSource",
    "Team",
    "load",
    "parse",
    "restrict",
    "without_engines",
]

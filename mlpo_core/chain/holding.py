"""Whether a stage holds a model on this machine: then it waits for an accelerator, and has to fit one."""

from mlpo_core.chain.memory import is_here
from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment import Experiment


def holds_model(asset: str, experiment: Experiment) -> bool:
    """Whether its phase trains, makes, or generates with a model that is here; its judge counts.

    Endpoints and recorded answers need no accelerator, and phases without a model do not import torch.
    """
    stage = STAGES[asset]
    asked = ("agents", "leader") if asset == "base_models" else stage.asks(experiment)
    agents = experiment.team.agents if "agents" in asked else ()
    models = [(agent.model, experiment.engine_of(agent)) for agent in agents]
    if experiment.leader and "leader" in asked:
        models.append((experiment.leader.model, experiment.engine_of(experiment.leader)))
    if judge := stage.judge(experiment):
        models.append((judge.model, judge.engine or experiment.engine))
    return stage.distributed or any(is_here(*model) for model in models)

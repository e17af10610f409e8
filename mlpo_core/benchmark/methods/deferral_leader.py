"""`deferral_leader`: a leader trained to name the agent to trust. Listed in every report as not run."""

from dataclasses import dataclass

from mlpo_core.benchmark.evidence import History
from mlpo_core.benchmark.methods.protocol import Dialogue, Predictor
from mlpo_core.config import Experiment


@dataclass(frozen=True)
class DeferralLeader:
    """A place in the tables."""

    name: str = "deferral_leader"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always."""
        return "no deferral leader is trained in this version"

    def fit(self, history: History) -> Predictor:
        """Never asked for."""
        raise NotImplementedError(self.name)

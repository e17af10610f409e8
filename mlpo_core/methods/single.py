"""`single:<agent>`: one agent answers alone."""

from dataclasses import dataclass

from mlpo_core.experiment import Experiment
from mlpo_core.methods.copied import copied
from mlpo_core.methods.evidence import History
from mlpo_core.methods.protocol import Dialogue, Predictor


@dataclass(frozen=True)
class Single:
    """One agent's own answer."""

    agent: str
    dialogue: Dialogue | None = None

    @property
    def name(self) -> str:
        """`single:<agent>`."""
        return f"single:{self.agent}"

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        agent = history.agents.index(self.agent)
        return lambda shard, seed: copied(shard, seed, [agent] * len(shard.tasks))

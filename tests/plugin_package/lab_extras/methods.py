"""A method: of the agents' first samples, the shortest text."""

from dataclasses import dataclass

import pyarrow.compute as pc

from mlpo_core.experiment import Experiment
from mlpo_core.methods.copied import copied
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Predictor


@dataclass(frozen=True)
class Shortest:
    """Reads the proposals alone, so it has no dialogue."""

    team: tuple[str, ...]
    name: str = "shortest"
    dialogue: None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return lambda shard, seed: copied(shard, seed, _shortest(shard, seed.position % shard.samples))


def _shortest(shard: Shard, sample: int) -> list[int]:
    """By task, the position of the agent whose text is the shortest."""
    lengths = shard.cube.response.measured(pc.utf8_length)[:, :, sample]
    return lengths.argmin(axis=1).tolist()

"""`any_correct`: an oracle that finds a right answer whenever one of the K agents gave it; the ceiling of selection."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed


@dataclass(frozen=True)
class AnyCorrect:
    """Knows the gold answers."""

    name: str = "any_correct"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return _predict


def _predict(shard: Shard, seed: Seed) -> Iterator[Answer]:
    sample = seed.position % shard.samples
    everyone = np.arange(len(shard.agents))
    for task in range(len(shard.tasks)):
        right = shard.cube.correct[task, :, sample]
        cell = (task, int(np.argmax(right)), sample)
        yield Answer(
            task,
            [shard.cube.proposal_id[cell]],
            shard.cube.response[cell],
            shard.cube.extracted[cell],
            bool(right.any()),
            len(shard.agents),
            *shard.cube.cost(task, everyone, sample),
            n_correct_shown=int(right.sum()),
        )

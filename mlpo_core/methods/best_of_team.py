"""`best_of_team`: the agent that was best on dev tasks answers; `best_of_team_oracle`: the one that is best on test."""

from dataclasses import dataclass

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.copied import copied
from mlpo_core.methods.evidence import History
from mlpo_core.methods.protocol import Dialogue, Predictor


@dataclass(frozen=True)
class BestOfTeam:
    """The best agent for every task alike. `oracle` picks it with knowledge of the test."""

    oracle: bool
    dialogue: Dialogue | None = None

    @property
    def name(self) -> str:
        """Says whether it is an oracle."""
        return "best_of_team_oracle" if self.oracle else "best_of_team"

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Pick the agent; of equals the first."""
        agent = int(np.argmax(history.on_test if self.oracle else history.on_dev))
        return lambda shard, seed: copied(shard, seed, [agent] * len(shard.tasks))

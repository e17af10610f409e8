"""What all methods that generate share: they answer from the rows of their dialogue, if it could be run."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.methods.rounds import AfterRound, replay
from mlpo_core.types import Task


@dataclass(frozen=True)
class Replayed(ABC):
    """A method that reads its answer after every round out of `team_rounds`."""

    name: str
    dialogue: Dialogue

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It must be possible to generate."""
        recorded = {a.name for a in experiment.team.agents if a.model.startswith("recorded:")}
        if not self.dialogue.leader and recorded & set(self.dialogue.seats):
            return "not recorded: recorded agents cannot revise their answers"
        if experiment.leader is None:
            return "not recorded" if recorded else "the experiment has no leader"
        return None

    def fit(self, history: History) -> Predictor:
        """Nothing to learn here."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        for after in replay(shard, self.name, self.dialogue, seed):
            yield self._answer(after, shard.tasks[after.task], seed)

    @abstractmethod
    def _answer(self, after: AfterRound, task: Task, seed: Seed) -> Answer:
        """The answer as the run stands after a round."""

"""`greedy:<agent>`: one agent's greedy answer, beside `single:<agent>`, which is sampled, and greedy leaders."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import Cost, History, Shard
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.methods.rounds import add


@dataclass(frozen=True)
class Greedy:
    """An agent's own answer at temperature 0. It is generated with the rounds, and the same for all seeds."""

    agent: str

    @property
    def name(self) -> str:
        """`greedy:<agent>`."""
        return f"greedy:{self.agent}"

    @property
    def dialogue(self) -> Dialogue:
        """One turn of one agent."""
        return Dialogue(None, (self.agent,), "peers", self.name, greedy=True)

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It must be possible to generate."""
        if any(a.name == self.agent and a.model.startswith("recorded:") for a in experiment.team.agents):
            return "not recorded"
        return None if experiment.leader else "the experiment has no leader, and so no team_rounds"

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        for position, task in enumerate(shard.tasks):
            for row in shard.rounds.get((self.name, seed.value, task.task_id, 0), []):
                cost = add(Cost(0, 0, 0, 0.0), [row])
                found = (row["response"], row["extracted"], row["correct"])
                yield Answer(position, [row["generation_id"]], *found, 1, *cost)

"""`score_leader/solo`, `/first` and `/team`: the leader that was trained to correct itself (SCoRe).

Alone it answers twice, and its second answer counts, with the cost of both; `/first` is what it writes first, so that
the gain shows. With its team it is asked as MLPO's leader is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_core.methods.evidence import Cost, Shard
from mlpo_core.methods.leaders import Led
from mlpo_core.methods.protocol import Answer, Dialogue, Method, Seed
from mlpo_core.methods.replayed import Replayed
from mlpo_core.methods.rounds import AfterRound, add
from mlpo_core.types import Task

NAME = "score_leader"
_ATTEMPTS = 2
_NOTHING = Cost(0, 0, 0, 0.0)


@dataclass(frozen=True)
class Corrected(Replayed):
    """The last of a leader's attempts."""

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        for i, task in enumerate(shard.tasks):
            written = [
                row
                for attempt in range(self.dialogue.attempts)
                for row in shard.rounds.get((self.name, seed.value, task.task_id, attempt), [])
            ]
            if len(written) == self.dialogue.attempts:
                yield self._answer(AfterRound(i, len(written), [], written, 0, _NOTHING), task, seed)

    def _answer(self, after: AfterRound, task: Task, seed: Seed) -> Answer:
        final = after.leader[-1]
        return Answer(
            after.task,
            [final["generation_id"]],
            final["response"],
            final["extracted"],
            final["correct"],
            len(after.leader),
            *add(after.cost, after.leader),
        )


def score_leader(team: tuple[str, ...]) -> list[Method]:
    """The methods of a team."""
    alone, first, led = (f"{NAME}/{which}" for which in ("solo", "first", "team"))
    return [
        Led(led, Dialogue(NAME, team, "leader", led)),
        Led(first, Dialogue(NAME, (), "leader", first)),
        Corrected(alone, Dialogue(NAME, (), "leader", alone, attempts=_ATTEMPTS)),
    ]

"""`debate`: agents read each other's answers and revise their own for T rounds, then vote (after Du et al. 2023)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpo_core.benchmark.evidence import History, Shard, canonical
from mlpo_core.benchmark.methods.leaders import ungenerated
from mlpo_core.benchmark.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.benchmark.methods.rounds import AfterRound, replay
from mlpo_core.benchmark.votes import tally
from mlpo_core.config import Experiment
from mlpo_core.types import Task, stable_seed

NAME = "debate"


@dataclass(frozen=True)
class Debate:
    """The vote of the seats' current answers."""

    dialogue: Dialogue
    name: str = NAME

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It must be possible to generate."""
        return ungenerated(experiment, self.dialogue)

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        for after in replay(shard, self.name, self.dialogue, seed):
            yield _vote(after, shard.tasks[after.task], seed)


def debate(team: tuple[str, ...]) -> Debate:
    """The debate of a team."""
    return Debate(Dialogue(None, team, "peers", NAME))


def _vote(after: AfterRound, task: Task, seed: Seed) -> Answer:
    forms = [None if s.extracted is None else canonical(task.answer_kind, s.extracted) for s in after.seats]
    answers = sorted({form for form in forms if form is not None})
    codes = np.array([[-1 if form is None else answers.index(form) for form in forms]])
    draw = stable_seed("tie", NAME, seed.value, task.task_id, after.rounds)
    result = tally(codes, answers, [draw])
    chosen = after.seats[int(result.position[0])]
    answered = result.winner[0] >= 0
    return Answer(
        after.task,
        [s.id for s in after.seats],
        chosen.response,
        chosen.extracted if answered else None,
        bool(answered and chosen.correct),
        after.calls,
        *after.cost,
        rounds=after.rounds,
        tie=bool(result.tie[0]),
        n_correct_shown=sum(s.correct for s in after.seats),
    )

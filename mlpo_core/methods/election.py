"""A vote over a few answers that were read out of responses; what methods that generate their votes use."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpo_core.methods.evidence import canonical
from mlpo_core.methods.votes import chances, tally
from mlpo_core.types import Task, stable_seed


class Elected(NamedTuple):
    """Position of the first vote for the winner (0 where nobody answered), whether anybody did, ties, and how likely
    the vote was right before its tie was drawn."""

    position: int
    answered: bool
    tie: bool
    chance: float


def elect(
    method: str, seed: int, task: Task, rounds: int, votes: Sequence[str | None], correct: Sequence[bool]
) -> Elected:
    """Count extracted answers, compared as the task's kind says; a tie is drawn by method, seed, task and round."""
    forms = [None if vote is None else canonical(task.answer_kind, vote) for vote in votes]
    answers = sorted({form for form in forms if form is not None})
    codes = np.array([[-1 if form is None else answers.index(form) for form in forms]])
    result = tally(codes, answers, [stable_seed("tie", method, seed, task.task_id, rounds)])
    (chance,) = chances(codes, np.array([correct]), result)
    return Elected(int(result.position[0]), bool(result.winner[0] >= 0), bool(result.tie[0]), chance)

"""What became of a task: how the final answer stands to what the team answered before anybody led it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Outcome(NamedTuple):
    """A kind of outcome."""

    key: str
    right: bool
    title: str
    meaning: str


OUTCOMES = (
    Outcome("agreed", True, "Right with the team", "the right answer was also the team's most frequent"),
    Outcome("settled", True, "Right out of a tie", "as many agents gave the right answer as gave a wrong one"),
    Outcome("overridden", True, "Wrong majority overridden", "more agents gave one wrong answer than the right one"),
    Outcome("synthesis", True, "Right where no agent was", "no agent gave the right answer"),
    Outcome("lost", False, "Lost: the team was right", "the team's most frequent answer was right"),
    Outcome("undecided", False, "Wrong out of a tie", "as many agents gave the right answer as gave a wrong one"),
    Outcome("followed", False, "Right minority passed over", "fewer agents were right than gave one wrong answer"),
    Outcome("nobody", False, "Nobody was right", "no agent gave the right answer, and neither did this"),
)
"""In the order in which pages list them; a place in it is the code in an array."""
MISSING = -1
_PLACES = {outcome.key: place for place, outcome in enumerate(OUTCOMES)}


def place(key: str) -> int | None:
    """The code of a kind; None where there is none of this name."""
    return _PLACES.get(key)


def classify(
    final: npt.NDArray[np.int8], right: npt.NDArray[np.bool_], answers: npt.NDArray[np.int32]
) -> npt.NDArray[np.int8]:
    """The outcome of every task.

    Args:
        final: Of shape (tasks,): 1 right, 0 wrong, -1 without a final answer.
        right: Of shape (agents, tasks): whether the agent's first answer was.
        answers: Of the same shape: the answer as a number, equal for equal texts; -1 where none was read.

    Returns:
        Codes of `OUTCOMES`, `MISSING` where there is no final answer.
    """
    votes = right.sum(axis=0)
    against = np.zeros_like(votes)
    for agent in range(len(answers)):
        counted = ~right[agent] & (answers[agent] >= 0)
        same = ((answers == answers[agent]) & ~right).sum(axis=0)
        against = np.maximum(against, np.where(counted, same, 0))
    of_team = np.select([votes == 0, votes > against, votes == against], [3, 0, 1], default=2)
    found = np.where(final == 1, of_team, of_team + 4)
    return np.where(final < 0, MISSING, found).astype(np.int8)

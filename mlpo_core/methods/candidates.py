"""The answers that a team's votes are for, as arrays: what learned votes choose among."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpo_core.types import Task


class Candidates(NamedTuple):
    """The distinct answers of some elections; one election is a task with one proposal of every agent.

    Attributes:
        tasks: Of every election.
        election: Position of each candidate's election, ascending; shape (candidates,), as the next three.
        code: The candidate's answer.
        first: Position of the first agent that voted for it.
        right: Whether it equals the gold answer.
        votes: Who voted for it; shape (candidates, agents).
        lengths: Characters of every response; shape (elections, agents).
        ends: Whether a response says near its end that an answer follows; shape (elections, agents).
    """

    tasks: Sequence[Task]
    election: np.ndarray
    code: np.ndarray
    first: np.ndarray
    right: np.ndarray
    votes: np.ndarray
    lengths: np.ndarray
    ends: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Position of the first candidate of every election that has any."""
        return np.flatnonzero(np.diff(self.election, prepend=-1))

    @property
    def rivals(self) -> np.ndarray:
        """How many candidates each candidate's election has."""
        return np.bincount(self.election, minlength=len(self.tasks))[self.election]


def topic(task: Task) -> str:
    """What learned votes know of a task: benchmark and subject."""
    return f"{task.benchmark}/{task.subject}"


def candidates(
    tasks: Sequence[Task], codes: np.ndarray, correct: np.ndarray, lengths: np.ndarray, ends: np.ndarray
) -> Candidates:
    """The candidates of one election per task.

    Args:
        tasks: The tasks.
        codes: The answer of every agent, -1 for none; shape (tasks, agents), as the others.
        correct: Whether it is right.
        lengths: Characters of the response behind it.
        ends: Whether that says near its end that an answer follows.
    """
    election, code, votes = distinct(codes)
    first = votes.argmax(axis=1) if len(code) else np.zeros(0, np.int64)
    return Candidates(tasks, election, code, first, correct[election, first], votes, lengths, ends)


def distinct(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct answers of every row: row (ascending) and code of each, and who gave it (answers, agents).

    Args:
        codes: The answer of every agent, -1 for none; shape (rows, agents).
    """
    rows, agents = np.nonzero(codes >= 0)
    width = int(codes.max(initial=0)) + 1
    keys, inverse = np.unique(rows * width + codes[rows, agents], return_inverse=True)
    row, code = np.divmod(keys, width)
    votes = np.zeros((len(keys), codes.shape[1]), np.bool_)
    votes[inverse, agents] = True
    return row, code, votes


def joined(several: Sequence[Candidates], agents: int) -> Candidates:
    """Many elections as one table; codes keep their meaning inside an election only."""
    if not several:
        none = np.zeros((0, agents))
        return candidates((), none.astype(np.int64), none.astype(np.bool_), none, none.astype(np.bool_))
    before = np.cumsum([0, *(len(each.tasks) for each in several)])
    return Candidates(
        [task for each in several for task in each.tasks],
        np.concatenate([each.election + offset for each, offset in zip(several, before, strict=False)]),
        *(np.concatenate(columns) for columns in zip(*(each[2:] for each in several), strict=True)),
    )

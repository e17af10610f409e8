"""Majority votes over numbered answers, for many tasks at once; a tie is drawn by seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Tally(NamedTuple):
    """The outcome of a vote per task.

    Attributes:
        winner: Code of the winning answer, -1 where nobody answered.
        position: Position of the first vote for it (0 where nobody answered).
        tie: Whether several answers had the most votes.
    """

    winner: np.ndarray
    position: np.ndarray
    tie: np.ndarray


def tally(codes: np.ndarray, answers: Sequence[str], seeds: Sequence[int]) -> Tally:
    """Count votes.

    Args:
        codes: Shape (tasks, votes): the answer that each vote is for, -1 for an abstention.
        answers: The answer of each code; ties are drawn among these in alphabetical order, so that the numbering of
            codes does not matter.
        seeds: One per task; decides its tie.
    """
    tasks = codes.shape[0]
    width = max(len(answers), 1)
    rows, votes = np.nonzero(codes >= 0)
    keys, counts = np.unique(rows * width + codes[rows, votes], return_counts=True)
    owner, code = np.divmod(keys, width)
    most = np.zeros(tasks, np.int64)
    np.maximum.at(most, owner, counts)
    leading = counts == most[owner]
    tied = np.bincount(owner[leading], minlength=tasks)
    winner = np.full(tasks, -1, np.int64)
    winner[owner[leading]] = code[leading]
    for task in np.nonzero(tied > 1)[0]:
        candidates = sorted((answers[int(c)], int(c)) for c in code[leading & (owner == task)])
        winner[task] = candidates[seeds[int(task)] % len(candidates)][1]
    position = np.argmax(codes == winner[:, None], axis=1)
    return Tally(winner, np.where(winner >= 0, position, 0), tied > 1)


def chances(codes: np.ndarray, correct: np.ndarray, result: Tally) -> list[float]:
    """How likely each task's vote is right before its tie is drawn: the share of right ones among the tied answers.

    Args:
        codes: As in `tally`.
        correct: Shape (tasks, votes): whether each vote is right.
        result: What `tally` made of them.
    """
    rows = np.arange(len(codes))
    found = np.where(result.winner >= 0, correct[rows, result.position], False).astype(float)
    for task in np.nonzero(result.tie)[0]:
        answers, first, counts = np.unique(codes[task], return_index=True, return_counts=True)
        counts[answers < 0] = 0
        found[task] = correct[task, first[counts == counts.max()]].mean()
    return found.tolist()

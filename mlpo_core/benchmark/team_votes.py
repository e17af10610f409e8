"""The votes of every smaller team, at once: from the agents' own answers to the test tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.methods.candidates import distinct
from mlpo_core.methods.evidence import canonical
from mlpo_core.store import Dataset

_AT_ONCE = 256
"""Teams whose votes are counted together."""
_SINGLE = "single:"


class Answered(NamedTuple):
    """What every agent answered; a row is a test task under one seed.

    Attributes:
        codes: Numbers of the answers, -1 for none; shape (rows, agents).
        correct: Whether it is right; the same shape.
        subjects: Of every row.
    """

    codes: np.ndarray
    correct: np.ndarray
    subjects: np.ndarray


class Votes(NamedTuple):
    """How good the votes of some teams are, over the draws of their ties.

    Attributes:
        accuracy: Of every team; shape (teams,).
        by_subject: The same by subject; shape (subjects, teams).
        any_right: Share of rows on which one of the team is right; shape (teams,).
    """

    accuracy: np.ndarray
    by_subject: np.ndarray
    any_right: np.ndarray


def read_answers(tasks: Dataset, predictions: Dataset, agents: Sequence[str]) -> Answered | None:
    """The predictions of `single:<agent>` for all agents; None where one of them was not run."""
    kinds = {row["task_id"]: row for row in tasks.rows(["task_id", "subject", "answer_kind"])}
    methods = pa.array([f"{_SINGLE}{agent}" for agent in agents])
    rows: dict[tuple[int, str], int] = {}
    numbers: dict[str, int] = {}
    cells: list[tuple[int, int, int, bool]] = []
    for batch in predictions.batches(["task_id", "method", "seed", "extracted", "correct"]):
        for row in batch.filter(pc.is_in(batch["method"], methods)).to_pylist():
            at = rows.setdefault((row["seed"], row["task_id"]), len(rows))
            code = -1
            if row["extracted"] is not None:
                form = canonical(kinds[row["task_id"]]["answer_kind"], row["extracted"])
                code = numbers.setdefault(form, len(numbers))
            cells.append((at, agents.index(row["method"].removeprefix(_SINGLE)), code, row["correct"]))
    if not rows or len(cells) != len(rows) * len(agents):
        return None
    where, agent, code, correct = (np.array(column) for column in zip(*cells, strict=True))
    found = Answered(
        np.full((len(rows), len(agents)), -1),
        np.zeros((len(rows), len(agents)), np.bool_),
        np.array([kinds[task]["subject"] for _, task in rows], dtype=object),
    )
    found.codes[where, agent], found.correct[where, agent] = code, correct
    return found


def votes(answered: Answered, teams: np.ndarray) -> Votes:
    """Count the votes of teams.

    Args:
        answered: What every agent answered.
        teams: Who is in each; shape (teams, agents).
    """
    row, code, voters = distinct(answered.codes)
    right = ((answered.codes[row] == code[:, None]) & answered.correct[row]).any(axis=1)
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    sizes = np.diff([*starts, len(row)])
    names, subject = np.unique(answered.subjects.astype(str), return_inverse=True)
    belongs = np.zeros((len(names), len(answered.subjects)))
    belongs[subject, np.arange(len(subject))] = 1 / np.bincount(subject)[subject]
    found: list[Votes] = []
    for start in range(0, len(teams), _AT_ONCE):
        some = teams[start : start + _AT_ONCE].astype(np.float32).T
        count = voters.astype(np.float32) @ some
        leads = (count == np.repeat(np.maximum.reduceat(count, starts), sizes, axis=0)) & (count > 0)
        tied = np.add.reduceat(leads, starts, dtype=np.int32)
        hits = np.add.reduceat(leads & right[:, None], starts, dtype=np.int32)
        share = np.zeros((len(answered.codes), some.shape[1]))
        share[row[starts]] = hits / np.maximum(tied, 1)
        reached = (answered.correct.astype(np.float32) @ some > 0).mean(axis=0)
        found.append(Votes(share.mean(axis=0), belongs @ share, reached))
    return Votes(*(np.concatenate(column, axis=-1) for column in zip(*found, strict=True)))

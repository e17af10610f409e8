"""Which tasks a reader's list holds, and what stands in a line of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.viewer.index import Answers, Index
from mlpo_core.viewer.outcomes import OUTCOMES, Outcome, place
from mlpo_core.viewer.wanted import DIFFERENCES, Wanted, default_way, way_named

SIZE = 50
"""Lines of a page."""


@dataclass(frozen=True)
class Side:
    """One of two that are compared: an experiment's index, a way and a seed."""

    experiment: str
    index: Index
    way: Way
    seed: int

    @property
    def answers(self) -> Answers:
        """Its final answers."""
        return self.index.ways[self.way][self.seed]


class Line(NamedTuple):
    """A task in a list."""

    id: str
    benchmark: str
    subject: str
    question: str
    gold: str
    answer: str | None
    right: bool
    outcome: Outcome | None
    team: Sequence[tuple[str, bool]]
    """Every agent, and whether its own answer was right."""
    other: tuple[str | None, bool] | None
    """Answer and verdict of the second way, where it answered the task."""


class Listing(NamedTuple):
    """Tasks that were asked for.

    Attributes:
        chosen: Their places in the index.
        by_outcome: How many tasks every kind of outcome has, with all other filters as they are.
        by_difference: The same for how two ways stand to each other; empty where one is read alone.
        right: How many of the tasks are right.
        benchmarks: How many tasks every benchmark has.
        subjects: The same for subjects, of the benchmark that was asked for.
    """

    chosen: npt.NDArray[np.int64]
    by_outcome: Mapping[str, int]
    by_difference: Mapping[str, int]
    right: int
    benchmarks: Mapping[str, int]
    subjects: Mapping[str, int]

    @property
    def pages(self) -> int:
        """How many pages they fill."""
        return max(1, -(-len(self.chosen) // SIZE))

    def beside(self, task: int) -> tuple[int | None, int | None, int | None]:
        """Where a task stands among them (from 1), and the places of the tasks before and after it."""
        found = np.nonzero(self.chosen == task)[0]
        if not len(found):
            return None, None, None
        at = int(found[0])
        before = int(self.chosen[at - 1]) if at else None
        after = int(self.chosen[at + 1]) if at + 1 < len(self.chosen) else None
        return at + 1, before, after


def second(asked: Wanted, experiment: str, index: Index) -> Side:
    """The side that stands on the right: the way that was asked for, or the same way in another experiment."""
    way = way_named(asked.vs or str(asked.way), index) or default_way(index)
    seeds = list(index.ways[way])
    return Side(experiment, index, way, asked.seed if asked.seed in seeds else seeds[0])


def select(asked: Wanted, side: Side, other: Side | None, written: Callable[[str], set[str]]) -> Listing:
    """The tasks that were asked for.

    Args:
        asked: The filters.
        side: What is read.
        other: What it is compared with.
        written: The ids of the tasks to which somebody wrote a text.
    """
    index = side.index
    within = np.ones(len(index), np.bool_)
    benchmarks = _counts(index.tasks["benchmark"])
    if asked.benchmark:
        within &= _equal(index.tasks["benchmark"], asked.benchmark)
    subjects = _counts(index.tasks["subject"].filter(pa.array(within)))
    if asked.subject:
        within &= _equal(index.tasks["subject"], asked.subject)
    if asked.q:
        within &= _holding(asked, index, written)
    outcomes = index.outcomes(side.way, side.seed)
    kinds = {kind: outcomes == code for code, kind in enumerate(o.key for o in OUTCOMES)}
    differences = _differences(side, other) if other else {}
    of_kind = kinds[asked.outcome] if place(asked.outcome) is not None else np.ones_like(within)
    of_difference = differences.get(asked.differ, np.ones_like(within))
    chosen = within & of_kind & of_difference & (outcomes >= 0)
    return Listing(
        np.nonzero(chosen)[0],
        {kind: int((within & of_difference & mask).sum()) for kind, mask in kinds.items()},
        {name: int((within & of_kind & mask).sum()) for name, mask in differences.items()},
        int((chosen & (side.answers.verdict == 1)).sum()),
        benchmarks,
        subjects,
    )


def lines(places: Sequence[int], side: Side, other: Side | None) -> list[Line]:
    """The lines of these tasks."""
    index = side.index
    rows = index.tasks.take(pa.array(places, pa.int64())).to_pylist()
    outcomes = index.outcomes(side.way, side.seed)
    team = index.team(side.seed)
    return [
        Line(
            row["task_id"],
            row["benchmark"],
            row["subject"],
            row["question"],
            row["answer"],
            index.text(side.answers, task),
            bool(side.answers.verdict[task] == 1),
            OUTCOMES[int(outcomes[task])] if outcomes[task] >= 0 else None,
            [(agent, bool(answers.verdict[task] == 1)) for agent, answers in team],
            _other(row["task_id"], other) if other else None,
        )
        for task, row in zip(places, rows, strict=True)
    ]


def _other(task_id: str, other: Side) -> tuple[str | None, bool] | None:
    task = other.index.place(task_id)
    if task is None or other.answers.verdict[task] < 0:
        return None
    return other.index.text(other.answers, task), bool(other.answers.verdict[task] == 1)


def _holding(asked: Wanted, index: Index, written: Callable[[str], set[str]]) -> npt.NDArray[np.bool_]:
    if asked.where == "written":
        return _mask(pc.is_in(index.tasks["task_id"], value_set=pa.array(sorted(written(asked.q)), pa.string())))
    found = np.zeros(len(index), np.bool_)
    for column in ("question", "answer", "task_id"):
        found |= _mask(pc.match_substring(index.tasks[column], asked.q, ignore_case=True))
    return found


def _differences(side: Side, other: Side) -> dict[str, npt.NDArray[np.bool_]]:
    """By name of `DIFFERENCES`, the tasks on which the two stand so; both have answered them."""
    ids = side.index.tasks["task_id"]
    places = pc.fill_null(pc.index_in(ids, value_set=other.index.tasks["task_id"].combine_chunks()), -1)
    at = places.combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64)
    theirs = np.where(at >= 0, other.answers.verdict[np.maximum(at, 0)], -1)
    ours = side.answers.verdict
    first, second_, both, neither = DIFFERENCES
    return {
        first: (ours == 1) & (theirs == 0),
        second_: (ours == 0) & (theirs == 1),
        both: (ours == 1) & (theirs == 1),
        neither: (ours == 0) & (theirs == 0),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted((c["values"], c["counts"]) for c in column.value_counts().to_pylist()))


def _equal(column: pa.ChunkedArray, text: str) -> npt.NDArray[np.bool_]:
    return _mask(pc.equal(column, text))


def _mask(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return column.to_numpy(zero_copy_only=False).astype(np.bool_)

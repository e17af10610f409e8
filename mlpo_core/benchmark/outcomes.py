"""Who got which test task right, at what cost: predictions read into one array per method, or refused.

A comparison is only fair on the same tasks, once each, by the same grader: anything else is an error that names rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.benchmark.metric import ALL
from mlpo_core.errors import BadInput
from mlpo_core.methods.attack import SUFFIX
from mlpo_core.store import Dataset
from mlpo_core.store.streaming import sums

COSTS = ("generations", "prompt_tokens", "cached_prompt_tokens", "completion_tokens")
_SUMMED = (*COSTS, "amortised_s")
_COLUMNS = ("task_id", "method", "seed", "rounds", "extracted", "correct", "tie", "chance", "n_correct_shown", *_SUMMED)
_NAMED = 5
"""Rows that an error names."""


class Way(NamedTuple):
    """A method, with the rounds T it took (0 where it has none): what a row of a table is about."""

    method: str
    rounds: int

    @property
    def group(self) -> str:
        """How the rounds stand in the `group` column."""
        return f"T={self.rounds}" if self.rounds else ""

    def __str__(self) -> str:
        return f"{self.method} {self.group}".rstrip()


@dataclass
class Answers:
    """All answers of one way; arrays have the shape (seeds, tasks)."""

    correct: npt.NDArray[np.bool_]
    shown: npt.NDArray[np.int16]
    """Right proposals among those shown; -1 when none is shown."""
    tie: npt.NDArray[np.bool_]
    empty: npt.NDArray[np.bool_]
    """No answer could be read out of the response."""
    costs: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0.0))
    """Sums over the answers for which they were recorded."""
    recorded: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0))
    chance: npt.NDArray[np.float64] | None = None
    """To be right, over the draws of ties; None where nobody voted on answers."""

    @property
    def count(self) -> int:
        """Answers: seeds × tasks."""
        return self.correct.size

    def mean_cost(self, cost: str) -> float | None:
        """Of one answer; None where some were not recorded."""
        return self.costs[cost] / self.count if self.recorded[cost] == self.count else None


@dataclass(frozen=True)
class Outcomes:
    """Every method's answers to the same test tasks."""

    task_ids: Sequence[str]
    benchmarks: npt.NDArray[np.object_]
    """Of every task."""
    subjects: npt.NDArray[np.object_]
    seeds: Sequence[int]
    answers: Mapping[Way, Answers]
    """Without those of attacked leaders, which are no way of answering well (see `attack_success`)."""

    def parts(self) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
        """All tasks, then every benchmark: name and mask over tasks."""
        yield ALL, np.ones(len(self.task_ids), dtype=np.bool_)
        for name in sorted(set(self.benchmarks.tolist())):
            yield name, self.benchmarks == name

    def rounds(self, method: str) -> list[int]:
        """The T that a method was run with, ascending; empty when it was not run."""
        return sorted(way.rounds for way in self.answers if way.method == method)


@dataclass
class _Slot:
    """One method, T and seed while it is read."""

    seen: npt.NDArray[np.uint16]
    chance: npt.NDArray[np.float64]
    """Of shape (1, tasks), NaN where there is none."""
    answers: Answers


def read_outcomes(tasks: Dataset, predictions: Dataset) -> Outcomes:
    """Read the predictions on the test tasks.

    Raises:
        BadInput: A task is answered twice or not at all by some method, a prediction is on another task, methods have
            different seeds, or one answer to one task is graded in two ways. Names the rows.
    """
    table = _test_tasks(tasks)
    ids = table["task_id"].combine_chunks()
    slots: dict[tuple[Way, int], _Slot] = {}
    for batch in predictions.batches(_COLUMNS):
        _add(batch, ids, slots)
    if not slots:
        raise BadInput("benchmark_predictions has no row: there is nothing to report. Check benchmark.methods")
    _check_tasks(slots, ids)
    seeds = _check_seeds(slots)
    check_grading(predictions)
    ways = [way for way in dict.fromkeys(w for w, _ in slots) if not way.method.endswith(SUFFIX)]
    return Outcomes(
        task_ids=ids.to_pylist(),
        benchmarks=np.array(table["benchmark"].to_pylist(), dtype=object),
        subjects=np.array(table["subject"].to_pylist(), dtype=object),
        seeds=seeds,
        answers={way: _joined([slots[way, s] for s in seeds]) for way in ways},
    )


def _test_tasks(tasks: Dataset) -> pa.Table:
    columns = ["task_id", "benchmark", "subject", "split"]
    batches = [b.filter(pc.equal(b["split"], "test")) for b in tasks.batches(columns)]
    return pa.Table.from_batches(batches, pa.schema([tasks.schema.field(c) for c in columns]))


def _add(batch: pa.RecordBatch, ids: pa.Array, slots: dict[tuple[Way, int], _Slot]) -> None:
    positions = pc.index_in(batch["task_id"], value_set=ids)
    if positions.null_count:
        strange = batch.filter(pc.is_null(positions)).slice(0, _NAMED).select(["method", "seed", "rounds", "task_id"])
        raise BadInput(
            "benchmark_predictions: rows on tasks that are not in the test split of this experiment: "
            + "; ".join(_row(Way(r["method"], r["rounds"]), r["seed"], r["task_id"]) for r in strange.to_pylist())
            + ". Make benchmark_predictions again"
        )
    where = np.asarray(positions)
    methods = batch["method"].dictionary_encode()
    combined = np.stack([np.asarray(methods.indices), np.asarray(batch["rounds"]), np.asarray(batch["seed"])])
    combinations, inverse = np.unique(combined, axis=1, return_inverse=True)
    shown = np.asarray(batch["n_correct_shown"])
    flags = {c: batch[c].to_numpy(zero_copy_only=False) for c in ("correct", "tie")}
    flags["empty"] = batch["extracted"].is_null().to_numpy(zero_copy_only=False)
    chance = pc.fill_null(batch["chance"], np.nan).to_numpy()
    costs = {c: pc.fill_null(batch[c].cast(pa.float64()), 0.0).to_numpy() for c in _SUMMED}
    recorded = {c: batch[c].is_valid().to_numpy(zero_copy_only=False) for c in _SUMMED}
    for index, (method, rounds, seed) in enumerate(combinations.T.tolist()):
        way = Way(methods.dictionary[method].as_py(), rounds)
        slot = slots.setdefault((way, seed), _empty_slot(len(ids)))
        rows = np.nonzero(inverse.reshape(-1) == index)[0]
        at = where[rows]
        np.add.at(slot.seen, at, 1)
        slot.answers.correct[0, at] = flags["correct"][rows]
        slot.answers.tie[0, at] = flags["tie"][rows]
        slot.answers.empty[0, at] = flags["empty"][rows]
        slot.answers.shown[0, at] = shown[rows]
        slot.chance[0, at] = chance[rows]
        for cost in _SUMMED:
            slot.answers.costs[cost] += float(costs[cost][rows].sum())
            slot.answers.recorded[cost] += int(recorded[cost][rows].sum())


def _empty_slot(n: int) -> _Slot:
    flags = [np.zeros((1, n), dtype=np.bool_) for _ in range(3)]
    answers = Answers(flags[0], np.full((1, n), -1, dtype=np.int16), flags[1], flags[2])
    return _Slot(np.zeros(n, dtype=np.uint16), np.full((1, n), np.nan), answers)


def _joined(slots: Sequence[_Slot]) -> Answers:
    by_seed, chance = [slot.answers for slot in slots], np.concatenate([slot.chance for slot in slots])
    return Answers(
        correct=np.concatenate([a.correct for a in by_seed]),
        shown=np.concatenate([a.shown for a in by_seed]),
        tie=np.concatenate([a.tie for a in by_seed]),
        empty=np.concatenate([a.empty for a in by_seed]),
        costs={c: sum(a.costs[c] for a in by_seed) for c in _SUMMED},
        recorded={c: sum(a.recorded[c] for a in by_seed) for c in _SUMMED},
        chance=None if np.isnan(chance).any() else chance,
    )


def _check_tasks(slots: Mapping[tuple[Way, int], _Slot], ids: pa.Array) -> None:
    problems: list[str] = []
    for what, wrong in (("answered more than once", _twice), ("not answered", _never)):
        found = [(way, seed, i) for (way, seed), slot in slots.items() for i in wrong(slot)]
        if found:
            named = "; ".join(_row(way, seed, ids[i].as_py()) for way, seed, i in found[:_NAMED])
            more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            problems.append(f"{what}: {named}{more}")
    if problems:
        raise BadInput(
            "benchmark_predictions cannot be compared: every method must answer every test task exactly once per seed. "
            + ". ".join(problems)
            + ". Make benchmark_predictions again"
        )


def _twice(slot: _Slot) -> list[int]:
    return np.nonzero(slot.seen > 1)[0].tolist()


def _never(slot: _Slot) -> list[int]:
    return np.nonzero(slot.seen == 0)[0].tolist()


def _check_seeds(slots: Mapping[tuple[Way, int], _Slot]) -> list[int]:
    by_way: dict[Way, set[int]] = {}
    for way, seed in slots:
        by_way.setdefault(way, set()).add(seed)
    seeds = sorted(set[int]().union(*by_way.values()))
    short = [
        f"{way} lacks seed {', '.join(map(str, missing))}" for way, s in by_way.items() if (missing := set(seeds) - s)
    ]
    if short:
        raise BadInput(
            f"benchmark_predictions cannot be compared: methods have different seeds: {'; '.join(short)}. "
            "Make benchmark_predictions again"
        )
    return seeds


def check_grading(*predictions: Dataset) -> None:
    """One answer to one task has one verdict, whichever method gave it.

    Raises:
        BadInput: Rows were graded differently; names answers and tasks.
    """
    keys = ("task_id", "extracted")
    batches = chain.from_iterable(dataset.batches([*keys, "correct"]) for dataset in predictions)
    verdicts = sums(batches, keys, ("correct",))
    mixed = verdicts.filter(pc.and_(pc.greater(verdicts["correct"], 0), pc.less(verdicts["correct"], verdicts["n"])))
    if mixed.num_rows:
        named = "; ".join(
            f"{r['extracted']!r:.60} to task {r['task_id']} is right in {r['correct']} of {r['n']} rows"
            for r in mixed.slice(0, _NAMED).to_pylist()
        )
        raise BadInput(
            f"benchmark_predictions cannot be compared: rows were graded differently, {mixed.num_rows} answers in all: "
            f"{named}. Make the proposals and predictions again with one version of the grader"
        )


def _row(way: Way, seed: int, task: str) -> str:
    return f"{way} seed {seed} task {task}"

"""Make the `tasks` asset: read every source, divide, count, and prove that gold answers grade as correct."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.grading import check_allowed, infer_kind, self_check
from mlpo_core.progress import log, track
from mlpo_core.tasks.registry import read
from mlpo_core.tasks.rows import Row, stored
from mlpo_core.tasks.sources import Source, sources
from mlpo_core.tasks.split import SPLITS, Candidate, Division, assign, check_division, check_splits, normalised, settle
from mlpo_core.types import Split, Task, task_id

_PART_ROWS = 50_000
_SHOWN = 100


def build(ctx: Context) -> dict[str, Any]:
    """Write the tasks; returns counts by benchmark and split, what was dropped, and the result of the gold self-check.

    Raises:
        BadInput: A source cannot be read, has a malformed row, or leaves no task; or rows take code or a judge that the
            experiment does not name.
    """
    candidates: list[Candidate] = []
    notes: list[str] = []
    unusable: Counter[str] = Counter()
    published: set[Split] = set()
    all_sources = sources(ctx.experiment)
    for index, source in enumerate(all_sources):
        rows: list[Row] = []
        for row in track(read(source), f"tasks: {source.config.benchmark}", unit="task"):
            if row.unusable:
                unusable[row.unusable] += 1
            else:
                rows.append(row)
        check_division(rows, source.config, source.field)
        notes += _notes(rows, source)
        has_dev = any(row.published == "dev" for row in rows)
        published |= {row.published for row in rows if row.published}
        candidates += [_candidate(row, index, source, has_dev) for row in rows]
    division = settle(candidates, [source.config for source in all_sources])
    if not division.tasks:
        raise BadInput("tasks: no task is left. Check subjects and the limits train, dev and test.")
    check_splits(division.tasks, published, [source.config for source in all_sources])
    check_allowed(division.tasks, ctx.experiment.grading, ctx.experiment.grading.judge is not None)
    for part, start in enumerate(range(0, len(division.tasks), _PART_ROWS)):
        ctx.writer.write(part, [stored(task) for task in division.tasks[start : start + _PART_ROWS]])
    for reason, count in unusable.items():
        log(f"tasks: {count} left out: {reason}")
    failures = self_check(division.tasks, ctx.experiment.grading)
    if failures:
        log(f"tasks: the grader does not accept every form of the gold answers of {len(failures)}: {failures[:5]}")
    return _stats(division, notes, unusable, failures)


def _candidate(row: Row, index: int, source: Source, has_dev: bool) -> Candidate:
    benchmark = source.config.benchmark
    text = normalised(row.question, row.choices)
    task = Task(
        task_id=task_id(benchmark, row.subject, row.question, row.choices),
        benchmark=benchmark,
        subject=row.subject,
        split=assign(row, text, source.config, has_dev),
        question=row.question,
        choices=row.choices,
        answer=row.answer,
        answer_kind=row.kind or infer_kind(benchmark, row.answer, row.choices),
    )
    return Candidate(task, index, text)


def _notes(rows: Sequence[Row], source: Source) -> list[str]:
    benchmark, published = source.config.benchmark, {row.published for row in rows}
    if source.config.divide_test and "test" in published:
        return [f"{benchmark}: its published test set is divided into train, dev and test (divide_test)"]
    if source.config.source == "recorded":
        return [f"{benchmark}: recorded tasks are divided by hash into train, dev and test"]
    return []


def _stats(division: Division, notes: list[str], unusable: Counter[str], failures: list[str]) -> dict[str, Any]:
    splits = Counter(task.split for task in division.tasks)
    benchmarks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    subjects: defaultdict[str, set[str]] = defaultdict(set)
    for task in division.tasks:
        benchmarks[task.benchmark][task.split] += 1
        subjects[task.benchmark].add(task.subject)
    return {
        "headline": {split: splits[split] for split in SPLITS},
        "by_benchmark": {
            name: {**{split: counts[split] for split in SPLITS}, "subjects": len(subjects[name])}
            for name, counts in benchmarks.items()
        },
        "dropped": {
            "duplicates": division.duplicates,
            "train_rows_in_test": division.in_test,
            "over_limit": division.over_limit,
            **unusable,
        },
        "gold_graded_wrong": {"count": len(failures), "task_ids": failures[:_SHOWN]},
        "notes": notes,
    }

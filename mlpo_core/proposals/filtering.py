"""The easy-task filter: drop the tasks that the team already solves, and, if asked, those it never does.

Paper: a task is dropped when at least 75 % of its 4K proposals are correct. The lower bound is ours, and so is what
`filter.keep` refuses of the tasks within the bounds.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.charts.bars import binned, histogram
from mlpo_core.charts.render import png
from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Filter
from mlpo_core.proposals.keeping import refused
from mlpo_core.store import Dataset
from mlpo_core.store.ahead import in_order
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.streaming import sums

_PART_ROWS = 1_000_000
KEYS = ("task_id", "benchmark", "split")
_REASONS: tuple[str, ...] = ("kept", "easy", "hopeless", "no_proposals")
_REFUSED = "refused"
_DRAWN = ("kept", "easy", "hopeless", _REFUSED)


def run(ctx: Context) -> dict[str, Any]:
    """Judge every train and dev task; returns counts by benchmark and reason.

    Raises:
        BadInput: No training task is kept; names the settings to change. Or `filter.keep` fails.
    """
    settings = ctx.experiment.filter
    judged = judge(totals(ctx.inputs["agent_proposals"]), settings)
    if settings.keep:
        kept = judged.filter(judged["kept"])["task_id"].to_pylist()
        judged = without(judged, refused(ctx.inputs["agent_proposals"], kept, settings.keep))
    reasons = (*_REASONS, _REFUSED) if settings.keep else _REASONS
    counts = _counts(judged, reasons)
    if not sum(by_reason["kept"] for by_reason in counts.values()):
        raise BadInput(_nothing_left(counts, settings))
    for part, start in enumerate(range(0, judged.num_rows, _PART_ROWS)):
        ctx.writer.write(part, judged.slice(start, _PART_ROWS))
    ctx.writer.put("plots/correct_rate.png", _histogram(judged, settings))
    overall = {reason: sum(by_reason[reason] for by_reason in counts.values()) for reason in reasons}
    return {
        "headline": {"training tasks": sum(overall.values()), **overall},
        "by_benchmark": counts,
        "emptied_benchmarks": sorted(name for name, by_reason in counts.items() if not by_reason["kept"]),
    }


def totals(proposals: Dataset) -> pa.Table:
    """Per task how many proposals are answers, and how many of them right: what `judge` takes. Streamed."""

    def answers(part: str) -> list[pa.RecordBatch]:
        return [_answers(batch) for batch in proposals.batches([*KEYS, "correct", "finish_reason"], parts={part})]

    parts = in_order(answers, [part.name for part in proposals.manifest.parts], at_once=2)
    return sums(chain.from_iterable(parts), KEYS, ("answered", "correct"))


def judge(counted: pa.Table, settings: Filter) -> pa.Table:
    """The verdict on every task.

    Args:
        counted: task_id, benchmark, split, answered (proposals that are answers), correct (of them right).
        settings: Bounds on the correct rate.

    Returns:
        Rows of `hard_tasks`. A task without a single answer has rate 0 and reason `no_proposals`.
    """
    n = pc.cast(counted["answered"], pa.int32())
    n_correct = pc.cast(counted["correct"], pa.int32())
    none = pc.equal(n, 0)
    rate = pc.divide(pc.cast(n_correct, pa.float64()), pc.cast(pc.if_else(none, 1, n), pa.float64()))
    reason = pc.case_when(
        pc.make_struct(
            none,
            pc.greater_equal(rate, math.inf if settings.max_correct_rate is None else settings.max_correct_rate),
            pc.less(rate, settings.min_correct_rate),
        ),
        "no_proposals",
        "easy",
        "hopeless",
        "kept",
    )
    columns = [
        counted["task_id"],
        counted["benchmark"],
        counted["split"],
        n,
        n_correct,
        rate,
        pc.equal(reason, "kept"),
        reason,
    ]
    return pa.table(columns, names=SCHEMAS["hard_tasks"].names).cast(SCHEMAS["hard_tasks"])


def without(judged: pa.Table, tasks: set[str]) -> pa.Table:
    """Verdicts in which these tasks are refused."""
    hit = pc.is_in(judged["task_id"], value_set=pa.array(sorted(tasks), pa.string()))
    columns = {
        **{name: judged[name] for name in judged.schema.names},
        "kept": pc.and_not(judged["kept"], hit),
        "reason": pc.if_else(hit, _REFUSED, judged["reason"]),
    }
    return pa.table(columns).cast(judged.schema)


def _answers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Proposals that failed for lack of an engine say nothing about the task: they count neither way."""
    answered = pc.not_equal(batch["finish_reason"], "error")
    columns = [*(batch[key] for key in KEYS), answered, pc.and_(batch["correct"], answered)]
    return pa.RecordBatch.from_arrays(columns, names=[*KEYS, "answered", "correct"])


def _counts(judged: pa.Table, reasons: Sequence[str]) -> dict[str, dict[str, int]]:
    """Training tasks by benchmark and reason."""
    train = judged.filter(pc.equal(judged["split"], "train"))
    counts = {name: dict.fromkeys(reasons, 0) for name in train["benchmark"].unique().to_pylist()}
    for row in sums(train.to_batches(), ("benchmark", "reason"), ()).to_pylist():
        counts[row["benchmark"]][row["reason"]] = row["n"]
    return counts


def _nothing_left(counts: dict[str, dict[str, int]], settings: Filter) -> str:
    if not counts:
        return "tasks: there is no training task with proposals. Set tasks.*.train above 0."
    why = "; ".join(
        f"{name}: " + ", ".join(f"{n} {reason}" for reason, n in by_reason.items() if n)
        for name, by_reason in counts.items()
    )
    keep = f"leave out filter.keep ({settings.keep}), " if settings.keep else ""
    return (
        f"filter: no training task is left ({why}). Raise filter.max_correct_rate ({settings.max_correct_rate}), lower "
        f"filter.min_correct_rate ({settings.min_correct_rate}), {keep}or add tasks."
    )


def _histogram(judged: pa.Table, settings: Filter) -> bytes:
    """Training tasks by correct rate, kept and dropped, with the bounds."""
    train = judged.filter(pc.equal(judged["split"], "train"))
    groups = {r: train.filter(pc.equal(train["reason"], r))["correct_rate"].to_numpy() for r in _DRAWN}
    counts = {reason: binned(rates) for reason, rates in groups.items() if len(rates)}
    bounds = {settings.max_correct_rate or 0.0, settings.min_correct_rate} - {0.0}
    return png(histogram(counts, "share of a task's proposals that are correct", "training tasks", sorted(bounds)))

"""Turn answers into graded proposal rows, and sum a proposal dataset up."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.grading import Grader
from mlpo_core.judging.rows import judged_rows, part_name, put_judged
from mlpo_core.store import Writer
from mlpo_core.store.streaming import sums
from mlpo_core.types import Task

_SUMMED = ("correct", "truncated", "failed", "empty", "prompt_tokens", "completion_tokens", "amortised_s")


class Draft(NamedTuple):
    """A proposal before it is graded: the task, the response (None: not yet there), its other columns, what failed."""

    task: Task
    response: str | None
    row: dict[str, Any]
    error: str | None = None


def write_graded(writer: Writer, part: int, drafts: Sequence[Draft], grader: Grader) -> None:
    """Write proposal rows with verdicts, what a judge said first. Half characters (lone surrogates), which no file can
    hold, become `?`."""
    texts = [(draft.response or "").encode("utf-8", "replace").decode() for draft in drafts]
    verdicts = grader.grade_many([(draft.task, text) for draft, text in zip(drafts, texts, strict=True)])
    ids = [draft.row["proposal_id"] for draft in drafts]
    put_judged(writer, part_name(part), judged_rows(ids, [draft.task for draft in drafts], verdicts))
    rows = [
        {
            **draft.row,
            "task_id": draft.task.task_id,
            "benchmark": draft.task.benchmark,
            "split": draft.task.split,
            "response": text,
            "extracted": verdict.extracted,
            "correct": verdict.correct,
        }
        for draft, text, verdict in zip(drafts, texts, verdicts, strict=True)
    ]
    writer.write(part, rows)


def describe(parts: Iterable[pa.Table], tasks: int) -> dict[str, Any]:
    """Counts, accuracy, tokens and speed by agent and benchmark.

    Args:
        parts: All parts of a proposal dataset.
        tasks: How many tasks they answer.
    """
    batches = (_measures(batch) for part in parts for batch in part.to_batches())
    rows = sums(batches, ("agent", "benchmark"), _SUMMED).to_pylist()
    by_agent: dict[str, Any] = {}
    for agent in dict.fromkeys(row["agent"] for row in rows):
        own = [row for row in rows if row["agent"] == agent]
        by_agent[agent] = _summary(own) | {"accuracy_by_benchmark": {r["benchmark"]: _share(r, "correct") for r in own}}
    overall = _summary(rows)
    headline = {"proposals": overall["proposals"], "tasks": tasks, "accuracy": overall["accuracy"]}
    return {"headline": headline, "overall": overall, "by_agent": by_agent}


def _measures(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: batch[name] for name in ("agent", "benchmark", "correct", "prompt_tokens", "completion_tokens")}
    columns["amortised_s"] = batch["amortised_s"]
    reason = batch["finish_reason"]
    columns["truncated"] = pc.if_else(pc.equal(reason, "unknown"), None, pc.equal(reason, "length"))
    columns["failed"] = pc.equal(reason, "error")
    columns["empty"] = pc.is_null(batch["extracted"])
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares and sums over all rows. What was not recorded gives None."""
    total = {name: sum(row[name] or 0 for row in rows) for name in ("n", *_SUMMED)}
    measured = {name: any(row[name] is not None for row in rows) for name in _SUMMED}
    seconds = total["amortised_s"]
    return {
        "proposals": total["n"],
        "accuracy": _share(total, "correct"),
        "truncated_share": _share(total, "truncated") if measured["truncated"] else None,
        "failed": total["failed"],
        "no_answer_share": _share(total, "empty"),
        "prompt_tokens": total["prompt_tokens"] if measured["prompt_tokens"] else None,
        "completion_tokens": total["completion_tokens"] if measured["completion_tokens"] else None,
        "completion_tokens_per_s": round(total["completion_tokens"] / seconds, 1) if seconds else None,
        "seconds": round(seconds, 1) if measured["amortised_s"] else None,
    }


def _share(row: dict[str, Any], name: str) -> float | None:
    return round(row[name] / row["n"], 4) if row["n"] else None

"""Samples the base leader: several graded drafts of every prompt, the raw material of traces.

The drafts are kept beside the traces, in `drafts/`, so that a trace can be held against what the leader wrote.
"""

from io import BytesIO
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.context import Context
from mlpo_core.engines.protocol import Engine, Sampling
from mlpo_core.grading import Grader
from mlpo_core.judging.rows import judged_rows, part_name, put_judged
from mlpo_core.prompts.budget import LeaderPrompt
from mlpo_core.sft.traces import Draft
from mlpo_core.types import Generation, Request, Task, stable_id, stable_seed

_DRAFTS = pa.schema(
    [
        ("draft_id", pa.string()),
        ("task_id", pa.string()),
        ("mode", pa.string()),
        ("proposal_ids", pa.list_(pa.string())),
        ("sample_index", pa.int32()),
        ("seed", pa.int64()),
        ("response", pa.string()),
        ("extracted", pa.string()),
        ("correct", pa.bool_()),
        ("completion_tokens", pa.int32()),
        ("finish_reason", pa.string()),
    ]
)


class Prompted(NamedTuple):
    """A task with the prompt that its trace answers."""

    task: Task
    mode: str
    made: LeaderPrompt


def sample(ctx: Context, part: int, prompted: list[Prompted], engine: Engine, grader: Grader) -> list[list[Draft]]:
    """`sft.samples` graded drafts of every prompt; also written beside the rows."""
    settings, leader = ctx.experiment.sft, ctx.experiment.leader
    read = (leader.system_prompt, leader.template) if leader else ()
    requests = [
        Request(item.made.prompt, stable_seed("draft", ctx.experiment.seed, item.task.task_id, item.mode, i), *read)
        for item in prompted
        for i in range(settings.samples)
    ]
    sampling = Sampling(settings.temperature, 1.0, leader.max_new_tokens if leader else 0)
    generations = [_writable(g) for g in engine.generate(requests, sampling)] if requests else []
    owners = [item for item in prompted for _ in range(settings.samples)]
    verdicts = grader.grade_many([(item.task, g.text) for item, g in zip(owners, generations, strict=True)])
    rows: list[dict[str, Any]] = []
    for n, (item, request, made, verdict) in enumerate(zip(owners, requests, generations, verdicts, strict=True)):
        rows.append(
            {
                "draft_id": stable_id("draft", item.task.task_id, item.made.proposal_ids, request.seed, made.text),
                "task_id": item.task.task_id,
                "mode": item.mode,
                "proposal_ids": item.made.proposal_ids,
                "sample_index": n % settings.samples,
                "seed": request.seed,
                "response": made.text,
                "extracted": verdict.extracted,
                "correct": verdict.correct,
                "completion_tokens": made.completion_tokens,
                "finish_reason": made.finish_reason,
            }
        )
    judged = judged_rows([row["draft_id"] for row in rows], [item.task for item in owners], verdicts)
    put_judged(ctx.writer, part_name(part), judged)
    buffer = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=_DRAFTS), buffer, compression="zstd")
    ctx.writer.put(f"drafts/{part:06d}.parquet", buffer.getvalue())
    drafts = [_draft(row, made) for row, made in zip(rows, generations, strict=True)]
    return [list(drafts[i : i + settings.samples]) for i in range(0, len(drafts), settings.samples)]


def _writable(made: Generation) -> Generation:
    """Half characters (lone surrogates), which no file can hold, become `?`."""
    return made._replace(text=made.text.encode("utf-8", "replace").decode())


def _draft(row: dict[str, Any], made: Generation) -> Draft:
    return Draft(row["draft_id"], made.text, row["extracted"], row["correct"], made.finish_reason == "stop")

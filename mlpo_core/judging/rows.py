"""What a judge said, beside the rows of a version: `judged/`, a Parquet file for each part."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlpo_core.store import Writer
from mlpo_core.types import Task, Verdict

JUDGED = "judged"
"""Folder in a version."""
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("task_id", pa.string()),
        ("extracted", pa.string()),
        ("right", pa.bool_()),
        ("reason", pa.string()),
        ("failure", pa.string()),
        ("calls", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("dollars", pa.float64()),
    ]
)
"""Id of the row that was judged; its task; the answer as the row has it; whether it is right, and why, in the judge's
words; why there is no verdict (the answer then counts as wrong); calls, tokens and dollars of the judgement."""
_SUMMED = ("calls", "prompt_tokens", "completion_tokens", "dollars")


def judged_rows(ids: Sequence[str], tasks: Sequence[Task], verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The rows of those answers that a judge was asked about."""
    return [
        {
            "id": name,
            "task_id": task.task_id,
            "extracted": verdict.extracted,
            "right": verdict.correct,
            **verdict.judged._asdict(),
        }
        for name, task, verdict in zip(ids, tasks, verdicts, strict=True)
        if verdict.judged
    ]


def put_judged(writer: Writer, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `judged_rows` beside a version's; none make no file. To be called before the part is written."""
    if rows:
        buffer = BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), buffer, compression="zstd")
        writer.put(f"{JUDGED}/{name}.parquet", buffer.getvalue())


def part_name(part: int) -> str:
    """The name under which the judgements of a part stand."""
    return f"{part:06d}"


def judged_stats(writer: Writer, names: Iterable[str]) -> dict[str, Any]:
    """How many answers were judged, on how many there is no verdict, and what it cost; empty where nobody was asked."""
    total: dict[str, Any] = {"answers": 0, "no_verdict": 0, **dict.fromkeys(_SUMMED, 0)}
    for name in names:
        if data := writer.get(f"{JUDGED}/{name}.parquet"):
            table = pq.read_table(BytesIO(data), schema=SCHEMA)
            total["answers"] += len(table)
            total["no_verdict"] += pc.sum(pc.not_equal(table["failure"], "")).as_py()
            for column in _SUMMED:
                total[column] += pc.sum(table[column]).as_py()
    return {"judge": total} if total["answers"] else {}

"""What agents start from in training: the task and the team's responses behind every team prompt.

Stands beside the rows of `mlpo_dataset`, in `seats/`, one file for each of its parts, if agents generate in training.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.prompts.budget import Proposal
from mlpo_core.store.dataset import Dataset
from mlpo_core.store.writer import Writer
from mlpo_core.types import Task

SCHEMA = pa.schema(
    [
        ("prompt_id", pa.string()),
        *((name, pa.string()) for name in ("task_id", "benchmark", "subject", "split", "question")),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("answer_kind", pa.string()),
        ("responses", pa.list_(pa.string())),
    ]
)


class Seats(NamedTuple):
    """A team prompt of round 0: its task, and every agent's response in the team's order."""

    prompt_id: str
    task: Task
    responses: list[str]


def entry(prompt_id: str, task: Task, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """A row of the file."""
    fields = {name: getattr(task, name) for name in SCHEMA.names[1:-1]}
    responses = [proposal.response for proposal in proposals]
    return {**fields, "prompt_id": prompt_id, "choices": list(task.choices), "responses": responses}


def parsed(row: dict[str, Any]) -> Seats:
    """What `entry` was made of."""
    fields: dict[str, Any] = {name: row[name] for name in SCHEMA.names[1:-1]}
    fields["choices"] = tuple(row["choices"])
    return Seats(row["prompt_id"], Task(**fields), row["responses"])


def write(writer: Writer, part: int, rows: Iterable[dict[str, Any]]) -> None:
    """Put the entries of a part beside it."""
    buffer = BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), buffer, compression="zstd")
    writer.put(f"seats/{part:06d}.parquet", buffer.getvalue())


def read(mlpo_dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The entries of all parts, one part in memory at a time."""
    for name in sorted(mlpo_dataset.manifest.files):
        if name.startswith("seats/"):
            yield from pq.read_table(BytesIO(mlpo_dataset.read_file(name)), schema=SCHEMA).to_pylist()

"""Writes recorded answers as docs/recorded.md describes: whole or not at all, and in memory that does not grow."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.tasks.importing.item import Item, identity
from mlpo_core.tasks.importing.stream import lines
from mlpo_core.tasks.recorded import recorded_tasks
from mlpo_core.types import stable_id

_ROWS = 2048
"""Responses held at once."""
_SCHEMA = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("agent", pa.string(), nullable=False),
        pa.field("response", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("finish_reason", pa.string(), nullable=False),
    ]
)


class Written(NamedTuple):
    """How many answers of every agent were written, and which tasks some answers had in another version."""

    answers: Counter[str]
    revised: set[str]


def write(
    items: Iterable[Item],
    out: Path,
    benchmark: str,
    tasks: Path | None = None,
    agent: str = "",
    first_stands: bool = False,
) -> Written:
    """Write `<benchmark>_tasks.jsonl` and `<benchmark>_responses.parquet`.

    Args:
        items: The answers.
        out: Folder to write into; made where it is not there.
        benchmark: Stem of the files.
        tasks: File of tasks in the recorded format, for answers that come without theirs.
        agent: Name to give every answer instead of its own.
        first_stands: Where answers hold a task in several versions, keep the first instead of refusing.

    Raises:
        BadInput: The files are there already, or two answers disagree on a task; names file and line.
    """
    names = [f"{benchmark}_tasks.jsonl", f"{benchmark}_responses.parquet"]
    if there := [name for name in [*names, f"{benchmark}_responses.jsonl"] if (out / name).exists()]:
        raise BadInput(f"{out / there[0]} is there already: give another --out, or delete it")
    out.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".import-", dir=out))
    try:
        with (
            (beside / names[0]).open("w", encoding="utf-8") as file,
            pq.ParquetWriter(beside / names[1], _SCHEMA, compression="zstd") as parquet,
        ):
            known = _Tasks(file, tasks, first_stands)
            counts = _responses(items, known, parquet, agent)
        if not counts:
            raise BadInput("import: no answer was found")
        for _ in recorded_tasks(str(beside), benchmark):  # whether every task can be read again
            pass
        for name in names:
            (beside / name).rename(out / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Written(counts, known.revised)


class _Tasks:
    """Tasks that are written, each once."""

    def __init__(self, file: Any, given: Path | None, first_stands: bool) -> None:
        self._file = file
        self._known: dict[str, str] = {}
        self._written = 0
        self._first_stands = first_stands
        self.revised: set[str] = set()
        if given:
            with given.open("rb") as source:
                for where, row in lines(source, str(given)):
                    self.add(where, identity(row, "id", where), row)

    def add(self, where: str, task_id: str, task: Mapping[str, Any] | None) -> None:
        """Write a task, unless it is there; then it must be what it was, or the first stands."""
        if task is None:
            if task_id not in self._known:
                raise BadInput(f"{where}: task {task_id!r} is not in the file of tasks (--tasks)")
            return
        digest = stable_id(task)
        if self._known.setdefault(task_id, digest) != digest:
            if not self._first_stands:
                raise BadInput(
                    f"{where}: task {task_id!r} is not what it was before: question, options or target differ"
                )
            self.revised.add(task_id)
        if len(self._known) > self._written:
            self._file.write(json.dumps(task) + "\n")
            self._written += 1


def _responses(items: Iterable[Item], known: _Tasks, parquet: pq.ParquetWriter, agent: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for item in items:
        known.add(item.where, item.task_id, item.task)
        if not (name := agent or item.agent):
            raise BadInput(f"{item.where}: the model is named nowhere in this line: give --agent NAME")
        row = {column: getattr(item, column) for column in _SCHEMA.names}
        # Half a character (a lone surrogate) can stand in JSON and in no file.
        response = None if item.response is None else item.response.encode("utf-8", "replace").decode()
        rows.append(row | {"agent": name, "response": response})
        counts[name] += 1
        if len(rows) == _ROWS:
            parquet.write_table(pa.Table.from_pylist(rows, _SCHEMA))
            rows = []
    if rows:
        parquet.write_table(pa.Table.from_pylist(rows, _SCHEMA))
    return counts

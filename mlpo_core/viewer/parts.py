"""Reads a version by page: of every part only the columns that are wanted, and texts only of parts that hold the task.

A part is held against its manifest's rows and its asset's types, its pages against their checksums, and its text is
validated; unlike `Dataset` it is not read whole for its SHA-256, so that a version on an object store opens quickly.
Nothing is set aside.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset
from mlpo_core.store.ahead import in_order
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import PartInfo
from mlpo_core.store.parquet import Unreadable, decoding, difference

_AT_ONCE, _AT_ONCE_REMOTE = 2, 8
"""Parts that are read at the same time; on an object store most of the time is waiting."""
_ROWS = 2048
"""Rows of a batch."""


def at_once(dataset: Dataset) -> int:
    """How many files of a version are read at the same time."""
    return _AT_ONCE if Folder(dataset.ref.url).is_local else _AT_ONCE_REMOTE


class Parts:
    """The parts of one version.

    Args:
        dataset: The version.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._at_once = at_once(dataset)
        self._tasks: dict[str, pa.Array] = {}
        """By part, the tasks of which it has rows, as far as anybody asked."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row, in order, of these columns.

        Raises:
            BadInput: A part is damaged, or lacks a column.
        """
        for part in self.dataset.manifest.parts:
            yield from self._read(part, columns)

    def each(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same part by part, several of them at once."""
        yield from in_order(lambda part: self._table(part, columns), self.dataset.manifest.parts, self._at_once)

    def tasks_with(self, text: str, column: str) -> set[str]:
        """The tasks of which some row has a text in a column, in any case of letters."""

        def found(part: PartInfo) -> set[str]:
            hits = [
                pc.unique(batch["task_id"].filter(pc.match_substring(batch[column], text, ignore_case=True)))
                for batch in self._read(part, ["task_id", column])
            ]
            return {task_id for array in hits for task_id in array.to_pylist()}

        return set[str]().union(*in_order(found, self.dataset.manifest.parts, self._at_once))

    def of_task(self, task_id: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of one task, in order; `columns` must include `task_id`."""

        def rows(part: PartInfo) -> list[dict[str, Any]]:
            if part.name not in self._tasks:
                self._tasks[part.name] = pc.unique(self._table(part, ["task_id"])["task_id"])
            if pc.index(self._tasks[part.name], task_id).as_py() < 0:
                return []
            return [
                row
                for batch in self._read(part, columns)
                for row in batch.filter(pc.equal(batch["task_id"], task_id)).to_pylist()
            ]

        found = in_order(rows, self.dataset.manifest.parts, self._at_once)
        return [row for of_part in found for row in of_part]

    def of_task_beside(
        self, folder: str, task_id: str, columns: Sequence[str], schema: pa.Schema
    ) -> Iterator[dict[str, Any]]:
        """The rows of one task in the Parquet files of a folder beside the parts; `columns` must include `task_id`.

        Raises:
            BadInput: A file is damaged, gone, or not of this schema.
        """
        for name in self.dataset.manifest.files:
            if name.startswith(f"{folder}/"):
                for batch in pages(self.dataset, self.dataset.manifest.stored_name(name), columns, schema):
                    yield from batch.filter(pc.equal(batch["task_id"], task_id)).to_pylist()

    def _table(self, part: PartInfo, columns: Sequence[str]) -> pa.Table:
        schema = pa.schema([self.dataset.schema.field(name) for name in columns])
        return pa.Table.from_batches([batch.cast(schema) for batch in self._read(part, columns)], schema)

    def _read(self, part: PartInfo, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return pages(self.dataset, part.name, columns, self.dataset.schema, part.rows)


def pages(
    dataset: Dataset, stored: str, columns: Sequence[str], schema: pa.Schema, rows: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file of a version, in batches.

    Args:
        dataset: The version.
        stored: Under what name the file lies in it.
        columns: Which.
        schema: What the file must hold.
        rows: How many, where that is known.

    Raises:
        BadInput: It is damaged, gone, or lacks a column.
    """
    folder, asset = Folder(dataset.ref.url), dataset.ref.asset
    path = folder.path(stored)
    with _explained(path, asset), folder.open(stored) as file, decoding():
        parquet = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=not folder.is_local)
        if rows is not None and parquet.metadata.num_rows != rows:
            raise Unreadable(f"it has {parquet.metadata.num_rows} rows instead of {rows}")
        if differs := difference(parquet.schema_arrow, schema, columns):
            raise BadInput(f"{path} {differs}. Materialize {asset} again")
        for batch in parquet.iter_batches(_ROWS, columns=list(columns)):
            batch.validate(full=True)
            yield batch.select(list(columns))


@contextmanager
def _explained(path: str, asset: str) -> Generator[None]:
    try:
        yield
    except Unreadable as error:
        raise BadInput(f"{path} is damaged: {error}. Materialize {asset} again") from error
    except FileNotFoundError as error:
        raise BadInput(f"{path} is gone. Materialize {asset} again") from error

"""Reads the rows of a few tasks out of a large dataset: one pass over task ids, then only the parts that hold them."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.store import Dataset
from mlpo_core.store.ahead import in_order

T = TypeVar("T")


class TaskIndex:
    """Which parts of a dataset hold which tasks. Costs a name per task, whatever the number of rows."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._parts: dict[str, set[str]] = {}
        names = [part.name for part in dataset.manifest.parts]
        for name, tasks in zip(names, in_order(self._read_tasks, names, at_once=2), strict=True):
            for task in tasks:
                self._parts.setdefault(task, set()).add(name)
        self._tasks = Counter(part for parts in self._parts.values() for part in parts)

    def _read_tasks(self, part: str) -> set[str]:
        batches = self._dataset.batches(["task_id"], parts={part})
        return set[str]().union(*(pc.unique(batch.column("task_id")).to_pylist() for batch in batches))

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._parts

    def batches(self, task_ids: Collection[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of these tasks, in the dataset's order; `columns` must include `task_id`."""
        wanted = pa.array(sorted(task_ids), pa.string())
        found = Counter(part for task in set(task_ids) for part in self._parts.get(task, ()))
        for part in sorted(found):
            whole = found[part] == self._tasks[part]
            for batch in self._dataset.batches(columns, parts={part}):
                chosen = batch if whole else batch.filter(pc.is_in(batch.column("task_id"), value_set=wanted))
                if chosen.num_rows:
                    yield chosen.select(list(columns))

    def read(self, task_ids: Collection[str], columns: Sequence[str]) -> pa.Table:
        """The rows of these tasks as a table."""
        schema = pa.schema([self._dataset.schema.field(c) for c in columns])
        return pa.Table.from_batches([b.cast(schema) for b in self.batches(task_ids, columns)], schema=schema)


def shards(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Consecutive slices of at most `size` items: the units in which long stages work and resume."""
    return [items[start : start + size] for start in range(0, len(items), size)]

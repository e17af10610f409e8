"""Sums by key over a stream of Arrow batches: memory grows with the number of keys, never with the number of rows."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

_PENDING_ROWS = 1_000_000


def sums(batches: Iterable[pa.RecordBatch], keys: Sequence[str], values: Sequence[str]) -> pa.Table:
    """Rows and sums per combination of keys.

    Args:
        batches: Any number of batches that hold the columns. Booleans count as 0 and 1, nulls are left out of a sum.
        keys: Columns to group by.
        values: Columns to sum.

    Returns:
        The keys, `n` (rows) and the summed values, one row per combination, sorted by the keys; without any batch a
        table of no rows and only the keys.
    """
    partial: list[pa.Table] = []
    merged: pa.Table | None = None
    pending = 0
    for batch in batches:
        table = pa.Table.from_batches([batch])
        grouped = table.group_by(list(keys), use_threads=False)
        result = grouped.aggregate([([], "count_all"), *((v, "sum") for v in values)])
        partial.append(result.select([*keys, "count_all", *(f"{v}_sum" for v in values)]))
        pending += result.num_rows
        if pending > max(_PENDING_ROWS, merged.num_rows if merged else 0):
            merged, partial, pending = _merge(merged, partial, keys), [], 0
    if partial or merged is None:
        merged = _merge(merged, partial, keys)
    if merged.num_columns == len(keys):
        return merged
    # The grouping has no order of its own that would be the same for other batch sizes.
    return merged.rename_columns([*keys, "n", *values]).sort_by([(key, "ascending") for key in keys])


def _merge(merged: pa.Table | None, partial: list[pa.Table], keys: Sequence[str]) -> pa.Table:
    tables = [merged, *partial] if merged is not None else partial
    if not tables:
        return pa.table({key: pa.array([], pa.string()) for key in keys})
    together = pa.concat_tables(tables)
    names = [name for name in together.column_names if name not in keys]
    grouped = together.group_by(list(keys), use_threads=False).aggregate([(name, "sum") for name in names])
    return grouped.select([*keys, *(f"{name}_sum" for name in names)]).rename_columns([*keys, *names])

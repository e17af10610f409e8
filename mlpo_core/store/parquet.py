"""Reads the Parquet of a part, which may come from anyone who can write to the root."""

from collections.abc import Collection, Generator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.store.digest import type_name

_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What Arrow raises at data that is none."""


class Unreadable(Exception):
    """A part that is not the Parquet it should be; says why."""


@contextmanager
def decoding() -> Generator[None]:
    """Spans the reading of a part.

    Raises:
        Unreadable: It is no Parquet, or holds what its types do not allow.
        BadInput: Memory does not suffice.
    """
    try:
        yield
    except MemoryError as error:
        raise BadInput(
            f"a part does not fit into the memory of this machine ({error}). Read it on a larger one"
        ) from error
    except _UNREADABLE as error:
        raise Unreadable(f"it is not readable as Parquet ({' '.join(str(error).split())[:200]})") from error


def opened(data: pa.Buffer, rows: int) -> pq.ParquetFile:
    """A part, with as many rows as were promised.

    Raises:
        Unreadable: It is no Parquet, or has another number of rows.
    """
    with decoding():
        parquet = pq.ParquetFile(pa.BufferReader(data))
    if parquet.metadata.num_rows != rows:
        raise Unreadable(f"it has {parquet.metadata.num_rows} rows instead of {rows}")
    return parquet


def difference(found: pa.Schema, declared: pa.Schema, columns: Collection[str] | None) -> str | None:
    """What keeps columns from being read as declared; None if nothing.

    Args:
        found: Schema of a part.
        declared: Schema of its asset.
        columns: What is to be read; None is whatever there is.
    """
    for name in declared.names if columns is None else columns:
        places = found.get_all_field_indices(name)
        if len(places) > 1 or (not places and columns is not None):
            return f"has {'several columns' if places else 'no column'} {name!r}"
        if places and type_name(found.field(places[0]).type) != type_name(declared.field(name).type):
            return f"has {found.field(places[0]).type} in column {name!r} instead of {declared.field(name).type}"
    return None

"""The content digest of Arrow data: the same rows give the same digest, whatever wrote the file."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def table_digest(table: pa.Table, volatile: Collection[str] = ()) -> str:
    """SHA-256 over a table's rows, in order, without its volatile columns.

    Independent of chunking, Parquet encoding, compression and null-bitmap presence. Column names and types
    count; metadata does not.
    """
    sha = hashlib.sha256()
    sha.update(str(table.num_rows).encode())
    for name in table.column_names:
        if name in volatile:
            continue
        column = table.column(name)
        sha.update(f"\x00{name}\x00{type_name(column.type)}\x00".encode())
        combined = column.combine_chunks()
        _feed(sha, combined)
    return sha.hexdigest()


def combine_digests(digests: Iterable[str]) -> str:
    """The digest of a dataset from those of its parts, in order."""
    sha = hashlib.sha256()
    for digest in digests:
        sha.update(digest.encode())
    return sha.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a local file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a local folder, by name, in order."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: file_sha256(path) for name, path in files.items()}


def content_of(hashes: Mapping[str, str]) -> str:
    """One digest of a folder's files and their names."""
    return combine_digests(f"{file} {sha256}" for file, sha256 in hashes.items())


def type_name(kind: Any) -> str:
    """A type's name without what Parquet renames: list elements, and 64-bit against 32-bit offsets."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{f.name}:{type_name(f.type)}' for f in kind)}>"
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    return str(kind).removeprefix("large_")


def _feed(sha: Any, array: Any) -> None:
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    kind = array.type
    valid = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False))
    sha.update(np.packbits(valid).tobytes())
    if pa.types.is_null(kind):
        return
    if pa.types.is_dictionary(kind):
        _feed(sha, array.dictionary_decode())
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            _feed(sha, pc.struct_field(array, index))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        sha.update(np.asarray(lengths.to_numpy(zero_copy_only=False), dtype="<i8").tobytes())
        _feed(sha, pc.list_flatten(array))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        filled = pc.fill_null(array.cast(pa.large_binary()), b"")
        lengths = pc.binary_length(filled)
        sha.update(np.asarray(lengths.to_numpy(zero_copy_only=False), dtype="<i8").tobytes())
        offsets = np.frombuffer(filled.buffers()[1], dtype="<i8")[filled.offset : filled.offset + len(filled) + 1]
        data = filled.buffers()[2]
        if data is not None and len(offsets):
            sha.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
    elif pa.types.is_boolean(kind):
        sha.update(np.packbits(pc.fill_null(array, False).to_numpy(zero_copy_only=False)).tobytes())
    else:
        values = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
        sha.update(np.ascontiguousarray(values).tobytes())

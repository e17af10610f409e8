"""Read the file formats in which benchmarks are published, so that a fault is reported with file and line."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.tasks.rows import malformed
from mlpo_core.tasks.sources import SourceFile

_TOO_MUCH = (ValueError, RecursionError)
"""What Python raises at a number of thousands of digits, or at lists that are nested as deep."""


class RawRow(NamedTuple):
    """A row of a file and where it stands."""

    where: str
    fields: dict[str, Any]


def decode(file: SourceFile) -> str:
    """A file as UTF-8 text."""
    try:
        return file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{file.name}, line {line}: not UTF-8 text ({error.reason}). Is it the right file?") from error


def json_document(file: SourceFile) -> Any:
    """A whole file as JSON."""
    try:
        return json.loads(decode(file))
    except json.JSONDecodeError as error:
        raise BadInput(f"{file.name}, line {error.lineno}: not JSON ({error.msg}). Is the file truncated?") from error
    except _TOO_MUCH as error:
        raise BadInput(f"{file.name}: no JSON that can be read ({error}). Is it the right file?") from error


def json_lines(file: SourceFile) -> Iterator[RawRow]:
    """One JSON object a line. Lines end at newlines only: question texts hold other separators."""
    for number, line in enumerate(decode(file).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}: not JSON ({error.msg}). Is the file truncated?") from error
        except _TOO_MUCH as error:
            raise BadInput(f"{where}: no JSON that can be read ({error}). Is it the right file?") from error
        if not isinstance(fields, dict):
            raise malformed(where, f"expected an object, got {type(fields).__name__}")
        yield RawRow(where, fields)


def json_array_line(text: str, key: str, index: int) -> int:
    """The 1-based line on which an element of a top-level array starts, in JSON that is known to parse."""
    decoder = json.JSONDecoder()
    position = text.index("[", text.index(json.dumps(key))) + 1
    for i in range(index + 1):
        while text[position] in " \t\r\n,":
            position += 1
        if i < index:
            _, position = decoder.raw_decode(text, position)
    return text.count("\n", 0, position) + 1


def csv_rows(file: SourceFile) -> Iterator[tuple[str, list[str]]]:
    """Where and cells of every record; a record may span lines inside quotes."""
    reader = csv.reader(io.StringIO(decode(file), newline=""), strict=True)
    try:
        for cells in reader:
            yield f"{file.name}, line {reader.line_num}", cells
    except csv.Error as error:
        raise BadInput(f"{file.name}, line {reader.line_num}: not CSV ({error}). Is the file truncated?") from error


def parquet_rows(file: SourceFile) -> Iterator[RawRow]:
    """Rows of a Parquet file."""
    try:
        table = pq.read_table(pa.BufferReader(file.data))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file.name}: not readable as Parquet ({error}). Is the file truncated?") from error
    for number, fields in enumerate(table.to_pylist()):
        yield RawRow(f"{file.name}, row {number}", fields)

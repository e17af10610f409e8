"""Questions of one's own: JSON lines, CSV or Parquet in a file, a folder, a glob, on S3, or on the hub.

Everything is read before anything is used, so that every bad row is told at once.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.tasks.fields import Fields, fields_of, row_of
from mlpo_core.tasks.hub import dataset
from mlpo_core.tasks.parsing import RawRow, csv_rows, decode, parquet_rows
from mlpo_core.tasks.programs import with_gold
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.sources import EXTENSIONS, ON_HUB, OWN, Source, SourceFile, files, side_in_name
from mlpo_core.types import Split

_SHOWN = 20


def from_files(source: Source) -> list[Row]:
    """All rows of all files.

    Raises:
        BadInput: No such file, a field is missing, or rows that cannot be used: the first twenty, each with line, field
            and reason.
    """
    reading = _Reading(source)
    for file in files(source.config.source, f"{source.field}.source", EXTENSIONS[OWN]):
        reading.take(rows_of(file, reading.problems), side_in_name(PurePosixPath(file.inside).stem), file.name)
    return reading.done()


def from_hub(source: Source) -> list[Row]:
    """All rows of a hub dataset, or those of one split of it, which then is divided by hash. Raises as `from_files`."""
    config, reading = source.config, _Reading(source)
    repository = config.source.removeprefix(ON_HUB)
    found = dataset(source, repository, config.subset or None, config.split or None)
    for split, rows in ({config.split: found} if config.split else found).items():
        where = f"{repository}@{config.revision}, {split}"
        raw = (RawRow(f"{where}, row {number}", dict(fields)) for number, fields in enumerate(rows))
        reading.take(raw, None if config.split else side_in_name(split), where)
    return reading.done()


class _Reading:
    """Rows as they are read, and what is wrong with others."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: list[Row] = []
        self._told: set[Fields] = set()
        self.problems: list[str] = []

    def take(self, rows: Iterable[RawRow], side: Split | None, where: str) -> None:
        """Read the rows of one file, or one split."""
        found = [with_gold(row) if self._are_programs(row) else row for row in rows]
        if not found:
            return
        names = dict.fromkeys(name for _, raw in found for name in raw)
        fields = fields_of(names, self._source.config, self._source.field, where)
        self._tell(fields)
        for place, raw in found:
            try:
                self._rows.append(row_of(place, raw, fields, self._source.config, side))
            except BadInput as error:
                self.problems.append(str(error))

    def _are_programs(self, row: RawRow) -> bool:
        """Whether a row's answers are programs, as it says itself or else its source."""
        field = self._source.config.fields.get("answer_kind", "answer_kind")
        stated = row.fields.get(field) if isinstance(field, str) else None
        own = stated.strip().lower() if isinstance(stated, str) else ""
        return (own or self._source.config.answer_kind) == "tests"

    def _tell(self, fields: Fields) -> None:
        if fields not in self._told:
            self._told.add(fields)
            log(f"{self._source.field}: {self._source.config.benchmark}: {fields}")

    def done(self) -> list[Row]:
        """The rows, if all are good."""
        if self.problems:
            more = len(self.problems) - _SHOWN
            shown = "\n  ".join(self.problems[:_SHOWN])
            tail = f"\n  and {more} more" if more > 0 else ""
            raise BadInput(
                f"{self._source.field}: {len(self.problems)} of {len(self.problems) + len(self._rows)} rows cannot be "
                f"used; mend or remove them:\n  {shown}{tail}"
            )
        if not self._rows:
            raise BadInput(f"{self._source.field}.source: {self._source.config.source} holds no question")
        return self._rows


def rows_of(file: SourceFile, problems: list[str]) -> Iterator[RawRow]:
    """The rows of a file; a line that is none is told in `problems`."""
    if file.name.endswith(".parquet"):
        yield from parquet_rows(file)
    elif file.name.endswith(".csv"):
        yield from _csv(file, problems)
    else:
        for number, line in enumerate(decode(file).split("\n"), start=1):
            if line.strip():
                yield from _line(f"{file.name}, line {number}", line, problems)


def _line(where: str, line: str, problems: list[str]) -> Iterator[RawRow]:
    try:
        fields: Any = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        problems.append(f"{where}: not JSON ({error})")
        return
    if isinstance(fields, dict):
        yield RawRow(where, fields)
    else:
        problems.append(f"{where}: expected an object, got {type(fields).__name__}")


def _csv(file: SourceFile, problems: list[str]) -> Iterator[RawRow]:
    header: list[str] | None = None
    for where, cells in csv_rows(file):
        if header is None:
            header = [name.strip() for name in cells]
        elif len(cells) == len(header):
            yield RawRow(where, dict(zip(header, cells, strict=True)))
        elif cells:
            problems.append(f"{where}: {len(cells)} cells, where the first line has {len(header)}")

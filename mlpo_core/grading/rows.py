"""The rows of a Parquet file of anybody's responses, read table by table, as tasks."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.grading.infer import infer_kind
from mlpo_core.grading.option import letter_of
from mlpo_core.grading.option_text import LETTERS
from mlpo_core.types import Task

_CHOICES = {"mmlu": 4, "mmlu_pro": 10}
"""How many choices a task has at most, where the file does not list them."""
_ROWS, _BYTES = 2_000, 16 << 20


def open_rows(path: str) -> pq.ParquetFile:
    """Open a Parquet file so that a large row group is read bit by bit."""
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; give a Parquet file of responses")
    try:
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path} is not a readable Parquet file ({error}); write it with pyarrow or pandas") from error


def tables(source: pq.ParquetFile, path: str) -> Iterator[pa.Table]:
    """The rows in tables that are large enough to share out, and small enough to hold."""
    held: list[pa.Table] = []
    try:
        for batch in source.iter_batches(_ROWS // 10):
            held.append(pa.Table.from_batches([batch]))
            if sum(len(t) for t in held) >= _ROWS or sum(t.nbytes for t in held) >= _BYTES:
                yield pa.concat_tables(held).unify_dictionaries()
                held.clear()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path} is damaged ({error}); write it again") from error
    if held:
        yield pa.concat_tables(held).unify_dictionaries()


def check_columns(schema: pa.Schema, path: str) -> None:
    """Refuse a file that lacks a column, has one twice or with another type."""
    for name in ("task_id", "response", "answer"):
        if schema.names.count(name) != 1:
            found = ", ".join(schema.names) or "none"
            raise BadInput(f"{path}: needs exactly one column {name!r}; its columns are: {found}")
        if not (
            _is_string(schema.field(name).type) or (name == "response" and pa.types.is_null(schema.field(name).type))
        ):
            raise BadInput(f"{path}: column {name!r} is {schema.field(name).type}; it has to be string")
    for name in ("question", "choices"):
        if schema.names.count(name) > 1:
            raise BadInput(f"{path}: has several columns {name!r}; keep one")
    if "question" in schema.names:
        kind = schema.field("question").type
        if not pa.types.is_null(kind) and not _is_string(kind):
            raise BadInput(f"{path}: column 'question' is {kind}; it has to be string")
    if "choices" in schema.names:
        kind = schema.field("choices").type
        listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not pa.types.is_null(kind) and not (listed and _is_string(kind.value_type)):
            raise BadInput(f"{path}: column 'choices' is {kind}; it has to be a list of strings")


def _is_string(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_string(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def tasks_of(benchmark: str, table: pa.Table, first_row: int, path: str) -> list[Task]:
    """The tasks of a table's rows, of which the first is row `first_row` of the file."""
    tasks: list[Task] = []
    columns = (_column(table, name) for name in ("task_id", "question", "choices", "answer"))
    for i, (task_id, question, listed, answer) in enumerate(zip(*columns, strict=True), start=first_row):
        choices = tuple(choice or "" for choice in listed or ())
        where = f"{path}: row {i} (task_id {task_id!r})"
        if answer is None or not answer.strip():
            raise BadInput(f"{where} has no gold answer; every row needs one in column 'answer'")
        kind = infer_kind(benchmark, answer, choices)
        if kind == "option":
            answer = _letter(benchmark, answer, choices, where)
        tasks.append(Task(task_id or "", benchmark, "", "test", question or "", choices, answer, kind))
    return tasks


def _column(table: pa.Table, name: str) -> Sequence[Any]:
    return table[name].to_pylist() if name in table.column_names else [None] * len(table)


def _letter(benchmark: str, answer: str, choices: tuple[str, ...], where: str) -> str:
    letter = letter_of(answer, choices)
    count = len(choices) or _CHOICES.get(benchmark, len(LETTERS))
    index = LETTERS.index(letter) if letter else None
    if index is None and benchmark in _CHOICES and re.fullmatch(r"[0-9]{1,9}", answer.strip()):
        index = int(answer)
    if index is None:
        raise BadInput(f"{where}: the gold answer {answer!r} is neither a letter nor the text of one of its choices")
    if index >= min(count, len(LETTERS)):
        raise BadInput(f"{where}: the gold answer {answer!r} lies outside its {count} choices")
    return LETTERS[index]

"""Grade a Parquet file of anybody's responses into another: `python -m mlpo_core grade`."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.grading.infer import infer_kind
from mlpo_core.grading.option import letter_of
from mlpo_core.grading.pool import Grader
from mlpo_core.types import Task

BENCHMARKS = ("bbh", "math", "mmlu", "mmlu_pro")
_BATCH = 500
_ADDED = (pa.field("extracted", pa.string(), True), pa.field("correct", pa.bool_(), False))


def grade_file(benchmark: str, responses: str, out: str) -> str:
    """Grade every row of a Parquet file and write it with two more columns; returns a one-line summary.

    Args:
        benchmark: `bbh`, `math`, `mmlu` or `mmlu_pro`.
        responses: Parquet with string columns `task_id`, `response` (null allowed), `answer` (gold; for MMLU a
            letter, the published index 0, 1, … or the text of a choice) and optionally `choices` (list of strings).
            Other columns are carried through; the order of rows is kept.
        out: Parquet to write: the same columns plus `extracted` (string or null) and `correct` (never null), which
            replace columns of those names. It appears whole or not at all.

    Raises:
        BadInput: The benchmark, file, columns, types or a gold answer cannot be used.
    """
    if benchmark not in BENCHMARKS:
        raise BadInput(f"unknown benchmark {benchmark!r}; use one of {', '.join(BENCHMARKS)}")
    source = _open(responses)
    _check(source.schema_arrow, responses)
    target = Path(out)
    if not target.parent.is_dir():
        raise BadInput(f"{out}: the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise BadInput(f"{out} is a folder; name a file to write")
    kept = [name for name in source.schema_arrow.names if name not in ("extracted", "correct")]
    schema = pa.schema([*(source.schema_arrow.field(name) for name in kept), *_ADDED], source.schema_arrow.metadata)
    graded = correct = unread = 0
    try:
        handle, beside = tempfile.mkstemp(prefix=".tmp-", suffix=".parquet", dir=target.parent)
    except OSError as error:
        raise BadInput(f"{out}: cannot write there ({error.strerror}); name another file") from error
    os.close(handle)
    try:
        with Grader() as grader, pq.ParquetWriter(beside, schema) as writer:
            for batch in _batches(source, responses):
                table = pa.Table.from_batches([batch])
                tasks = _tasks(benchmark, table, graded, responses)
                verdicts = grader.grade_many(list(zip(tasks, table["response"].to_pylist(), strict=True)))
                added = [
                    pa.array([v.extracted for v in verdicts], pa.string()),
                    pa.array([v.correct for v in verdicts], pa.bool_()),
                ]
                writer.write_table(pa.Table.from_arrays([*(table[name] for name in kept), *added], schema=schema))
                graded += len(verdicts)
                correct += sum(v.correct for v in verdicts)
                unread += sum(v.extracted is None for v in verdicts)
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    share = f" ({correct / graded:.1%})" if graded else ""
    counts = f"{graded:,} responses graded, {correct:,} correct{share}, {unread:,} without an answer"
    return f"{benchmark}: {counts}; wrote {out}"


def _open(path: str) -> pq.ParquetFile:
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; give a Parquet file of responses")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path} is not a readable Parquet file ({error}); write it with pyarrow or pandas") from error


def _batches(source: pq.ParquetFile, path: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from source.iter_batches(_BATCH)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path} is damaged ({error}); write it again") from error


def _check(schema: pa.Schema, path: str) -> None:
    for name in ("task_id", "response", "answer"):
        if schema.names.count(name) != 1:
            found = ", ".join(schema.names) or "none"
            raise BadInput(f"{path}: needs exactly one column {name!r}; its columns are: {found}")
        if not (
            _is_string(schema.field(name).type) or (name == "response" and pa.types.is_null(schema.field(name).type))
        ):
            raise BadInput(f"{path}: column {name!r} is {schema.field(name).type}; it has to be string")
    if "choices" in schema.names:
        kind = schema.field("choices").type
        listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not pa.types.is_null(kind) and not (listed and _is_string(kind.value_type)):
            raise BadInput(f"{path}: column 'choices' is {kind}; it has to be a list of strings")


def _is_string(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_string(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _tasks(benchmark: str, table: pa.Table, first_row: int, path: str) -> list[Task]:
    listed: Sequence[Any] = table["choices"].to_pylist() if "choices" in table.column_names else [None] * len(table)
    tasks: list[Task] = []
    rows = zip(table["task_id"].to_pylist(), table["answer"].to_pylist(), listed, strict=True)
    for i, (task_id, answer, listed_choices) in enumerate(rows, start=first_row):
        choices = tuple(choice or "" for choice in listed_choices or ())
        where = f"{path}: row {i} (task_id {task_id!r})"
        if answer is None or not answer.strip():
            raise BadInput(f"{where} has no gold answer; every row needs one in column 'answer'")
        kind = infer_kind(benchmark, answer, choices)
        if kind == "option":
            answer = _letter(benchmark, answer, choices, where)
        tasks.append(Task(task_id or "", benchmark, "", "test", "", choices, answer, kind))
    return tasks


def _letter(benchmark: str, answer: str, choices: tuple[str, ...], where: str) -> str:
    letter = letter_of(answer, choices)
    if letter is None and benchmark in ("mmlu", "mmlu_pro") and answer.strip() in "0123456789":
        letter = "ABCDEFGHIJ"[int(answer)]
    if letter is None:
        raise BadInput(f"{where}: the gold answer {answer!r} is neither a letter nor the text of one of its choices")
    if choices and ord(letter) - ord("A") >= len(choices):
        raise BadInput(f"{where}: the gold answer {answer!r} lies outside its {len(choices)} choices")
    return letter


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Grade a Parquet file of anybody's responses into another: `python -m mlpo_core grade`."""

import errno
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.grading.pool import Grader, cores
from mlpo_core.grading.rows import check_columns, open_rows, tables, tasks_of
from mlpo_core.progress import track
from mlpo_core.store.disk import TEMPORARY
from mlpo_core.types import Verdict

BENCHMARKS = ("bbh", "math", "mmlu", "mmlu_pro")
_REFUSALS = {
    errno.EFBIG: "the result is larger than a file may be here. Raise `ulimit -f`",
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "the disk quota is used up. Free some space",
    errno.EROFS: "the disk is read-only. Mount it writable",
}
_ADDED = (pa.field("extracted", pa.string(), True), pa.field("correct", pa.bool_(), False))


def grade_file(benchmark: str, responses: str, out: str) -> str:
    """Grade every row of a Parquet file and write it with two more columns; returns a one-line summary.

    Args:
        benchmark: `bbh`, `math`, `mmlu` or `mmlu_pro`.
        responses: Parquet with string columns `task_id`, `response` (null allowed), `answer` (gold; for MMLU a
            letter, the published index 0, 1, … or the text of a choice) and optionally `choices` (list of strings) and
            `question` (string). Other columns are carried through; the order of rows is kept.
        out: Parquet to write: the same columns plus `extracted` (string or null) and `correct` (never null), which
            replace columns of those names. It appears whole or not at all. What a limit of grading stopped is not
            correct, and counted in the summary.

    Raises:
        BadInput: The benchmark, file, columns, types or a gold answer cannot be used, or `out` cannot be written.
    """
    if benchmark not in BENCHMARKS:
        raise BadInput(f"unknown benchmark {benchmark!r}; use one of {', '.join(BENCHMARKS)}")
    source = open_rows(responses)
    check_columns(source.schema_arrow, responses)
    target = Path(out)
    if not target.parent.is_dir():
        raise BadInput(f"{out}: the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise BadInput(f"{out} is a folder; name a file to write")
    kept = [name for name in source.schema_arrow.names if name not in ("extracted", "correct")]
    schema = pa.schema([*(source.schema_arrow.field(name) for name in kept), *_ADDED], source.schema_arrow.metadata)
    graded = correct = unread = ungraded = 0
    with _replacing(target) as beside, pq.ParquetWriter(beside, schema) as writer, Grader(cores()) as grader:
        verdicts = _graded(benchmark, source, responses, grader, kept, writer)
        for verdict in track(verdicts, f"grade {benchmark}", source.metadata.num_rows, "responses"):
            graded += 1
            correct += verdict.correct
            ungraded += verdict.ungraded
            unread += verdict.extracted is None and not verdict.ungraded
    share = f" ({correct / graded:.1%})" if graded else ""
    counts = f"{graded:,} responses graded, {correct:,} correct{share}, {unread:,} without an answer"
    if ungraded:
        counts += f", {ungraded:,} ungraded (they exceeded a limit of grading, and count as wrong)"
    return f"{benchmark}: {counts}; wrote {out}"


@contextmanager
def _replacing(target: Path) -> Generator[str]:
    """A file to write beside `target`, which replaces it when the block ends well and is gone when it does not."""
    with _ending_at_sigterm():
        try:
            handle, beside = tempfile.mkstemp(prefix=TEMPORARY, suffix=".parquet", dir=target.parent)
        except OSError as error:
            raise BadInput(f"{target}: cannot write there ({error.strerror}); name another file") from error
        os.close(handle)
        try:
            yield beside
            os.chmod(beside, 0o666 & ~_umask())
            os.replace(beside, target)
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise
            raise BadInput(f"{target}: {_REFUSALS[error.errno]}, or name a file on another disk") from error
        finally:
            Path(beside).unlink(missing_ok=True)


@contextmanager
def _ending_at_sigterm() -> Generator[None]:
    """Let SIGTERM unwind the stack, as Ctrl-C does, instead of ending the process where it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _graded(
    benchmark: str,
    source: pq.ParquetFile,
    path: str,
    grader: Grader,
    kept: Sequence[str],
    writer: pq.ParquetWriter,
) -> Iterator[Verdict]:
    """Grade and write table after table; yields the verdicts."""
    first = 0
    for table in tables(source, path):
        tasks = tasks_of(benchmark, table, first, path)
        verdicts = grader.grade_many(list(zip(tasks, table["response"].to_pylist(), strict=True)))
        added = [
            pa.array([v.extracted for v in verdicts], pa.string()),
            pa.array([v.correct for v in verdicts], pa.bool_()),
        ]
        columns = [*(table[name] for name in kept), *added]
        writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))
        first += len(verdicts)
        yield from verdicts


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

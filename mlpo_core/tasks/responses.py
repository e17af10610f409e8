"""Responses that somebody already has, read from a folder instead of generated (docs/recorded.md)."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.tasks.parsing import json_lines
from mlpo_core.tasks.rows import malformed
from mlpo_core.tasks.sources import recorded_files, source_file

_REQUIRED = ("task_id", "agent", "response")
_COLUMNS = (*_REQUIRED, "prompt_tokens", "completion_tokens", "finish_reason")
_BATCH = 4096


class RecordedResponse(NamedTuple):
    """One recorded response. Token counts that were not recorded are None; a missing response is the empty text."""

    task_id: str
    agent: str
    sample_index: int
    response: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str


def responses(folder: str, benchmark: str, agents: Collection[str]) -> Iterator[RecordedResponse]:
    """The responses of some agents, streamed. An agent's further rows for a task are further samples, in file order.

    Args:
        folder: `engine.recorded`.
        benchmark: Stem of the file name.
        agents: Names as recorded.

    Raises:
        BadInput: File absent or malformed, or it has no row of one of the agents.
    """
    samples: Counter[tuple[str, str]] = Counter()
    for where, row in _of_agents(folder, benchmark, agents, _COLUMNS):
        task, agent, response = _text(row["task_id"], "task_id", where), row["agent"], row["response"]
        yield RecordedResponse(
            task,
            agent,
            samples[task, agent],
            "" if response is None else _text(response, "response", where),
            _tokens(row, "prompt_tokens", where),
            _tokens(row, "completion_tokens", where),
            row.get("finish_reason") or "unknown",
        )
        samples[task, agent] += 1


def counted(folder: str, benchmark: str, agents: Collection[str]) -> Counter[tuple[str, str]]:
    """How many responses there are, by recorded id of the task and agent. Reads no response; raises as `responses`."""
    rows = _of_agents(folder, benchmark, agents, ("task_id", "agent"))
    return Counter((_text(row["task_id"], "task_id", where), row["agent"]) for where, row in rows)


def answered(folder: str, benchmark: str, agents: Collection[str]) -> set[str]:
    """Recorded ids of the tasks that every one of the agents answered."""
    answers = Counter(task for task, _ in counted(folder, benchmark, agents))
    return {task for task, names in answers.items() if names == len(set(agents))}


def _of_agents(
    folder: str, benchmark: str, agents: Collection[str], columns: Collection[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of some agents, and where they stand."""
    found: set[str] = set()
    others: set[str] = set()
    for where, row in _rows(folder, benchmark, agents, columns, others):
        if _text(row["agent"], "agent", where) in agents:
            found.add(row["agent"])
            yield where, row
        else:
            others.add(row["agent"])
    if absent := sorted(set(agents) - found):
        there = ", ".join(sorted(found | others))
        raise BadInput(
            f"engine.recorded: {benchmark}_responses has nothing of {', '.join(absent)}; agents there: {there}"
        )


def _rows(
    folder: str, benchmark: str, agents: Collection[str], columns: Collection[str], others: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """All rows, or of a Parquet file at least those of the agents; names of others are put into `others` then."""
    found = recorded_files(folder, benchmark)
    if found.responses.endswith(".jsonl"):
        for where, row in json_lines(source_file(found.folder, found.responses)):
            _check(where, row)
            yield where, row
        return
    wanted = pa.array(sorted(set(agents)), pa.string())
    path = found.folder.path(found.responses)
    try:
        with found.folder.open(found.responses) as handle:
            parquet = pq.ParquetFile(handle)
            _check(path, parquet.schema_arrow.names)
            there = [name for name in columns if name in parquet.schema_arrow.names]
            start = 0
            for batch in parquet.iter_batches(_BATCH, columns=there):
                names, keep = batch["agent"], pa.array([True] * batch.num_rows)
                if pa.types.is_string(names.type):  # what is no text is for the caller to refuse
                    keep = pc.or_kleene(pc.is_null(names), pc.is_in(names, wanted))
                    others.update(pc.unique(names.filter(pc.invert(keep))).to_pylist())
                numbers = pc.indices_nonzero(keep)
                for number, row in zip(numbers.to_pylist(), batch.take(numbers).to_pylist(), strict=True):
                    yield f"{path}, row {start + number}", row
                start += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path}: not readable as Parquet ({error}). Is the file truncated?") from error


def _check(where: str, names: Collection[str]) -> None:
    if missing := [name for name in _REQUIRED if name not in names]:
        raise malformed(where, f"{', '.join(missing)} missing")


def _text(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise malformed(where, f"{name!r} must be text, got {value!r:.40}")
    return value


def _tokens(row: dict[str, Any], name: str, where: str) -> int | None:
    """A token count; what pandas writes for a missing one is NaN."""
    value = row.get(name)
    if value is None or value != value:
        return None
    if not isinstance(value, int | float) or not 0 <= value < 2**31:
        raise malformed(where, f"{name!r} must be a number of tokens, got {value!r:.40}")
    return int(value)

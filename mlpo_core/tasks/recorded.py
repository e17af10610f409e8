"""Tasks that came with recorded responses (docs/recorded.md)."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlpo_core.tasks import bbh, mmlu_pro
from mlpo_core.tasks.parsing import json_lines
from mlpo_core.tasks.responses import answered
from mlpo_core.tasks.rows import Row, malformed, text_of
from mlpo_core.tasks.sources import Source, recorded_files, source_file
from mlpo_core.types import task_id


class RecordedTask(NamedTuple):
    """A task, under the id that its responses name and under its own."""

    recorded_id: str
    task_id: str
    row: Row


def rows(source: Source) -> Iterator[Row]:
    """All recorded tasks; those that an agent of `answered_by` did not answer are marked unusable."""
    names = source.config.answered_by
    complete = answered(source.recorded, source.config.benchmark, names) if names else None
    for task in recorded_tasks(source.recorded, source.config.benchmark):
        usable = complete is None or task.recorded_id in complete
        yield task.row if usable else task.row._replace(unusable="unanswered")


def recorded_tasks(folder: str, benchmark: str) -> Iterator[RecordedTask]:
    """All tasks of `<benchmark>_tasks.jsonl`, each once.

    Args:
        folder: `engine.recorded`.
        benchmark: Stem of the file name.

    Raises:
        BadInput: File absent, or a malformed row; names file and line.
    """
    found = recorded_files(folder, benchmark)
    seen: set[str] = set()
    ids: set[str] = set()
    for where, fields in json_lines(source_file(found.folder, found.tasks)):
        recorded_id = text_of(fields, "id", where)
        if recorded_id in ids:
            raise malformed(where, f"id {recorded_id!r} stands for two tasks")
        ids.add(recorded_id)
        row = _row(where, recorded_id, fields, benchmark)
        identity = task_id(benchmark, row.subject, row.question, row.choices)
        if identity not in seen:
            seen.add(identity)
            yield RecordedTask(recorded_id, identity, row)


def _row(where: str, recorded_id: str, fields: Mapping[str, Any], benchmark: str) -> Row:
    name = next((n for n in ("question", "input", "problem") if n in fields), "question")
    question, target = text_of(fields, name, where), text_of(fields, "target", where)
    prefix, separator, _ = recorded_id.partition("/")
    subject = fields.get("cat") or (prefix if separator else benchmark)
    if fields.get("options"):
        return mmlu_pro.parse(where, subject, question, fields["options"], target.strip(), None)
    if benchmark == "bbh":
        return bbh.parse(where, subject, question, target)
    return Row(where, subject, question.strip(), (), target.strip())

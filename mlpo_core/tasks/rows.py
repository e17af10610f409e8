"""A task as its source gives it, as the dataset stores it, and as the stages use it."""

from collections.abc import Collection, Mapping
from sys import intern
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset
from mlpo_core.types import AnswerKind, Split, Task

_COMMON = ("benchmark", "subject", "split", "answer_kind")


class Row(NamedTuple):
    """One row of a benchmark source, read but not yet assigned to a split.

    Attributes:
        where: File and line (or hub dataset and row), for errors.
        subject: The benchmark's own subdivision.
        question: What is asked, without the choices.
        choices: Lettered options in order; empty where there are none.
        answer: The gold answer; a letter where there are choices.
        published: The split in which the row is published; None where it is published undivided.
        kind: How answers are compared; None lets the grader decide by benchmark and answer.
        unusable: Why the task cannot be used; such a row is counted and left out.
    """

    where: str
    subject: str
    question: str
    choices: tuple[str, ...]
    answer: str
    published: Split | None = None
    kind: AnswerKind | None = None
    unusable: str = ""


def malformed(where: str, problem: str) -> BadInput:
    """The error for a row that is not as its benchmark publishes it."""
    return BadInput(f"{where}: malformed row: {problem}. Compare with the published file, or download it again.")


def text_of(raw: Mapping[str, Any], name: str, where: str) -> str:
    """A required, non-empty text field of a raw row."""
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip():
        raise malformed(where, f"{name!r} must be text, got {value!r:.60}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise malformed(where, f"{name!r} holds half of a character (a lone surrogate)") from error
    return value


def stored(task: Task) -> dict[str, Any]:
    """A task as a row of the `tasks` asset."""
    return {name: list(task.choices) if name == "choices" else getattr(task, name) for name in Task.__slots__}


def task_of(row: Mapping[str, Any]) -> Task:
    """A task from a row of the `tasks` asset. What many tasks have in common is held once."""
    common: dict[str, Any] = {name: intern(row[name]) for name in _COMMON}
    return Task(
        task_id=row["task_id"],
        question=row["question"],
        choices=tuple(row["choices"]),
        answer=row["answer"],
        **common,
    )


def read_tasks(dataset: Dataset, splits: Collection[Split]) -> dict[str, Task]:
    """The tasks of some splits by id, in the dataset's order."""
    return {row["task_id"]: task_of(row) for row in dataset.rows() if row["split"] in splits}

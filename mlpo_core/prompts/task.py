"""A task as its readers see it. Every prompt is one user turn: some chat templates refuse a system message."""

from collections.abc import Mapping

from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import LETTERS, AnswerKind, Task

_FORMS: Mapping[AnswerKind, str] = {
    "json": "Give the answer as JSON.",
    "unit": "Give the answer as a number with its unit.",
    "set": "Give the answer as a list, separated by commas.",
    "tests": "Give the whole program in Python, in one fenced block.",
}
"""What is said of an answer whose kind reads one form alone."""


def question(task: Task) -> str:
    """The task as text, with lettered options where it has choices, and the form of its answer where that matters."""
    lines = [task.question, *(f"({LETTERS[i]}) {c}" for i, c in enumerate(task.choices))]
    form = _FORMS.get(task.answer_kind)
    return "\n".join([*lines, form] if form else lines)


def is_compact(task: Task) -> bool:
    """Whether miniature models answer it: they read one character per token, so they get no instructions."""
    return task.benchmark == "procedural" and task.subject in COMPACT

"""A task as its readers see it. Every prompt is one user turn: some chat templates refuse a system message."""

from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import LETTERS, Task


def question(task: Task) -> str:
    """The task as text, with lettered options where it has choices."""
    lines = [task.question, *(f"({LETTERS[i]}) {c}" for i, c in enumerate(task.choices))]
    return "\n".join(lines)


def is_compact(task: Task) -> bool:
    """Whether miniature models answer it: they read one character per token, so they get no instructions."""
    return task.benchmark == "procedural" and task.subject in COMPACT

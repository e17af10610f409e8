"""A task as its readers see it."""

from collections.abc import Mapping

from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import LETTERS, Task


def question(task: Task) -> str:
    """The task as text, with lettered options where it has choices."""
    lines = [task.question, *(f"({LETTERS[i]}) {c}" for i, c in enumerate(task.choices))]
    return "\n".join(lines)


def is_compact(task: Task) -> bool:
    """Whether miniature models answer it: they read one character per token, so they get no instructions.

    What they read is what they were pre-trained on, so no template changes it.
    """
    return task.benchmark == "procedural" and task.subject in COMPACT


def of_task(task: Task) -> Mapping[str, str]:
    """What every template may say of a task."""
    return {"question": question(task), "benchmark": task.benchmark, "subject": task.subject}

"""A checker: an answer is right if it is one of those that the gold answer lists."""

from mlpo_core.types import Task


def one_of(task: Task, answer: str) -> bool:
    """The gold answer is `Reykjavik|Reykjavík`."""
    return answer.casefold() in task.answer.casefold().split("|")

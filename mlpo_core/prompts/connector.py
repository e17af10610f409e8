"""What joins a wrong attempt to a right one in a trace."""

from mlpo_core.prompts.task import is_compact, question
from mlpo_core.types import Task

_NOTICE = (
    "The attempt below at the task is wrong. In one or two sentences that begin with Wait, write how its author would "
    "notice that something is off and decide to start again. Do not solve the task and do not give an answer."
)


def connector(task: Task, unsaid: str | None) -> str:
    """What joins a wrong attempt to a right one in a trace; `unsaid` is the wrong answer where the attempt omits it."""
    if is_compact(task):
        return "\nwait "
    gives = "" if unsaid is None else f"\nThat gives {unsaid}."
    return f"{gives}\nWait, that is not right. Let me check it again.\n"


def connector_prompt(task: Task, attempt: str) -> str:
    """What the leader reads to write such a join itself."""
    return f"{_NOTICE}\n\nTask:\n{question(task)}\n\nAttempt:\n{attempt}"

"""What joins a wrong attempt to a right one in a trace."""

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.prompts.task import is_compact, of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task

_CONNECTOR, _REQUEST = "connector.jinja", "connector_request.jinja"


def connector(task: Task, unsaid: str | None, own: Prompts = STANDARD) -> str:
    """What joins a wrong attempt to a right one in a trace.

    Args:
        task: The task.
        unsaid: The wrong answer where the attempt omits it.
        own: The experiment's templates.
    """
    if is_compact(task):
        return "\nwait "
    return render(own.connector, _CONNECTOR, {**of_task(task), "unsaid": unsaid})


def connector_prompt(task: Task, attempt: str, own: Prompts = STANDARD) -> str:
    """What the leader reads to write such a join itself."""
    return render(own.connector_request, _REQUEST, {**of_task(task), "attempt": attempt})

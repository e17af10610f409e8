"""What the leader reads when it corrects itself: the task and its own first answer."""

from collections.abc import Callable

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.prompts.task import is_compact, of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task

_CORRECTION = "correction.jinja"


def correction_prompt(task: Task, first: str, own: Prompts = STANDARD) -> str:
    """What the leader reads before its second answer.

    Args:
        task: The task.
        first: What it wrote first.
        own: The experiment's templates.
    """
    if is_compact(task):
        return f"{task.question}\nown {first}"
    return render(own.correction, _CORRECTION, {**of_task(task), "own": first})


def fitted_correction(task: Task, first: str, own: Prompts, count: Callable[[str], int], limit: int) -> tuple[str, str]:
    """The prompt, and how the first answer was made to fit: empty, or `tail:CHARACTERS` where its end alone is shown.

    A text may have more tokens than the model wrote it with, so a limit that leaves room for a whole first answer can
    still be passed by a few.

    Args:
        task: The task.
        first: What the leader wrote first.
        own: The experiment's templates.
        count: Tokens of a prompt.
        limit: Tokens that it may have; it has more where it does without any of the first answer.
    """
    whole = correction_prompt(task, first, own)
    if count(whole) <= limit:
        return whole, ""
    least, most = 0, len(first)  # `most` characters do not fit
    while most - least > 1:
        middle = (least + most) // 2
        if count(correction_prompt(task, first[-middle:], own)) <= limit:
            least = middle
        else:
            most = middle
    return correction_prompt(task, first[len(first) - least :], own), f"tail:{least}"

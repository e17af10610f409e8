"""What the judge reads: question, reference answer, rubric, and the answer to grade within a fence.

An answer is text of somebody who would like it to be right. The fence's mark is a hash of the question and of that very
answer, so no answer can hold it and end the fence; and the same answer is fenced alike every time, so a stored
judgement is found again.
"""

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.prompts.task import of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task, stable_id

_JUDGE = "judge.jinja"
_FORM = (
    'Reply with one JSON object and nothing after it: {"reason": "one or two sentences", "verdict": "right"} '
    'or {"reason": "one or two sentences", "verdict": "wrong"}.'
)


def judge_prompt(task: Task, answer: str, rubric: str, own: Prompts = STANDARD) -> str:
    """What the judge reads.

    Args:
        task: What was asked, with its gold answer.
        answer: The answer to grade.
        rubric: What makes it right.
        own: The experiment's templates.
    """
    mark = stable_id("fence", task.question, answer)
    values = {
        **of_task(task),
        "gold": task.answer,
        "rubric": rubric,
        "answer": f"<<<{mark}\n{answer}\n{mark}>>>",
        "mark": mark,
        "form": _FORM,
    }
    return render(own.judge, _JUDGE, values)


def asked_again(prompt: str) -> str:
    """The same, after a reply that held no verdict."""
    return f"{prompt}\n\nYour last reply held no verdict that could be read. {_FORM}"

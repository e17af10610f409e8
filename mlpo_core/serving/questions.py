"""A question as a task: that of the experiment where it is one, so that it is answered as in the benchmark."""

from collections.abc import Mapping

from mlpo_core.experiment import Experiment
from mlpo_core.serving.refusal import Refusal
from mlpo_core.tasks.families import COMPACT, family_of
from mlpo_core.types import Task, task_id

_ASKED = "asked"


def as_task(text: str, experiment: Experiment, known: Mapping[str, Task]) -> Task:
    """The task that a question means.

    Args:
        text: The question, with lettered options below it if it has any.
        experiment: Says whether its models read compact questions.
        known: The experiment's tasks by the text of their questions.

    Raises:
        Refusal: The question is empty.
    """
    asked = text.encode("utf-8", "replace").decode().strip()
    if not asked:
        raise Refusal("the question is empty", param="messages")
    if task := known.get(asked):
        return task
    benchmark, subject = _ASKED, ""
    if any(source.benchmark == "procedural" for source in experiment.tasks) and family_of(asked) in COMPACT:
        benchmark, subject = "procedural", family_of(asked)
    return Task(
        task_id=task_id(benchmark, subject, asked, ()),
        benchmark=benchmark,
        subject=subject,
        split="test",
        question=asked,
        choices=(),
        answer="",
        answer_kind=COMPACT[subject].answer_kind if subject else "exact",
    )

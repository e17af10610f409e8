"""Answers that people have graded: what a judge is held against."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.tasks.own import rows_of
from mlpo_core.tasks.registry import read
from mlpo_core.tasks.sources import EXTENSIONS, OWN, files, sources
from mlpo_core.types import Task, task_id

FIELD = "grading.judge.labelled"
_RIGHT: Mapping[str, bool] = {"1": True, "true": True, "right": True, "0": False, "false": False, "wrong": False}
_SHOWN = 20


class Labelled(NamedTuple):
    """An answer to a task, and whether people found it right."""

    task: Task
    answer: str
    right: bool


def labelled(experiment: Experiment) -> list[Labelled]:
    """The answers of `grading.judge.labelled`. A row without `gold` takes that of the judged task of its question.

    Raises:
        BadInput: No such file, or rows that cannot be used: the first twenty, each with line, field and reason.
    """
    judge = experiment.grading.judge
    location = judge.labelled if judge else ""
    tasks = _tasks(experiment)
    problems: list[str] = []
    found: list[Labelled] = []
    for file in files(location, FIELD, EXTENSIONS[OWN]):
        for row in rows_of(file, problems):
            one = _labelled(row.fields, tasks)
            if isinstance(one, str):
                problems.append(f"{row.where}: {one}")
            else:
                found.append(one)
    if problems:
        shown = "\n  ".join(problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise BadInput(f"{FIELD}: {len(problems)} rows cannot be used; mend or remove them:\n  {shown}{more}")
    if not found:
        raise BadInput(f"{FIELD}: {location} holds no answer")
    return found


def _tasks(experiment: Experiment) -> dict[str, Task]:
    """The experiment's judged tasks by question."""
    found: dict[str, Task] = {}
    for source in sources(experiment):
        if source.config.published:
            continue
        for row in read(source):
            if row.kind == "judge":
                name = source.config.benchmark
                identity = task_id(name, row.subject, row.question, row.choices)
                task = Task(identity, name, row.subject, "dev", row.question, row.choices, row.answer, "judge")
                found.setdefault(row.question, task)
    return found


def _labelled(raw: Mapping[str, Any], tasks: Mapping[str, Task]) -> Labelled | str:
    """A row of the sample, or why it cannot be used."""
    texts = {name: raw.get(name) for name in ("question", "answer", "gold")}
    question, answer, gold = (text.strip() if isinstance(text, str) else "" for text in texts.values())
    right = _RIGHT.get(_plain(raw.get("right")))
    if not question or not answer:
        return f"{'answer' if question else 'question'}: there is none, or it is no text"
    if right is None:
        return f"right: expected 1 or 0, got {raw.get('right')!r:.40}"
    if not gold and question not in tasks:
        return "gold: there is none, and the question is no judged task of the experiment's"
    if not gold:
        return Labelled(tasks[question], answer, right)
    identity = task_id("labelled", "", question, ())
    known = tasks.get(question) or Task(identity, "labelled", "", "dev", question, (), gold, "judge")
    return Labelled(replace(known, answer=gold), answer, right)


def _plain(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip().lower() if isinstance(value, str) else ""

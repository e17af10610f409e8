"""What the leader reads: the task, alone or with its team's answers."""

import re
from collections.abc import Sequence

from mlpo_core.experiment import Leader
from mlpo_core.prompts.task import is_compact, question
from mlpo_core.types import Task

_SOLO = (
    "Solve the task. Think step by step between <think> and </think>, check your work, then write only the final "
    "answer between <answer> and </answer>."
)
_TEAM = (
    "You lead a team. Below are a task and your team's answers, which may be wrong, even all of them. Judge them, work "
    "the task out between <think> and </think>, then write only the final answer between <answer> and </answer>."
)
_SHOWN = re.compile(r"\n\nAnswer \d{1,5} of your team:\n")
_SHOWN_COMPACT = re.compile(r"\n\d{1,5} ")


def leader_prompt(task: Task, shown: Sequence[str]) -> str:
    """What the leader reads: the task and one proposal per agent as `shown` gives it; none is a solo prompt."""
    if is_compact(task):
        return compact_leader_prompt(task.question, shown)
    if not shown:
        return f"{_SOLO}\n\nTask:\n{question(task)}"
    answers = "\n\n".join(f"Answer {i} of your team:\n{text}" for i, text in enumerate(shown, start=1))
    return f"{_TEAM}\n\nTask:\n{question(task)}\n\n{answers}"


def compact_leader_prompt(question: str, shown: Sequence[str]) -> str:
    """`leader_prompt` of a compact question: miniature models read one character per token, so no instructions."""
    return "\n".join((question, *(f"{i} {text}" for i, text in enumerate(shown, start=1))))


def with_absent(task: Task, prompt: str, answered: int, asked: int) -> str:
    """A leader prompt that says how many of its team answered, where not all did. A compact one shows it by itself."""
    if answered >= asked or is_compact(task):
        return prompt
    return f"{prompt}\n\n{answered} of the {asked} members of your team answered."


def answers_shown(prompt: str) -> list[str]:
    """The team's answers in a leader prompt, in order; what looks like one inside a question or answer counts too."""
    return _SHOWN.split(prompt)[1:] or _SHOWN_COMPACT.split(prompt)[1:]


def shown(response: str, extracted: str | None, leader: Leader) -> str:
    """The part of a proposal that the leader reads, by `leader.information`."""
    match leader.information:
        case "full":
            return response
        case "answers":
            return extracted if extracted is not None else "(no answer)"
        case "tail":
            return response[-leader.tail_chars :]

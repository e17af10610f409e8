"""What the leader reads: the task, alone or with its team's answers."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from mlpo_core.experiment import STANDARD, Leader, Prompts
from mlpo_core.prompts.task import is_compact, of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task

_SOLO, _TEAM, _ABSENT = "solo.jinja", "leader.jinja", "absent.jinja"
_SHOWN_COMPACT = re.compile(r"\n\d{1,5} ")
_SAMPLE = 40
"""Answers of the sample prompt that shows what a template puts around them."""


class _Around(NamedTuple):
    """What stands before an answer in a leader prompt, and after the last one."""

    before: re.Pattern[str]
    after: str


def leader_prompt(task: Task, shown: Sequence[str], own: Prompts = STANDARD, votes: bool = False) -> str:
    """What the leader reads.

    Args:
        task: The task.
        shown: One proposal per agent as `shown` gives it; none is a solo prompt.
        own: The experiment's templates.
        votes: Whether the leader is shown no question: `leader.information` is `votes`.
    """
    if votes:
        return compact_leader_prompt(task.subject, shown)
    if is_compact(task):
        return compact_leader_prompt(task.question, shown)
    if not shown:
        return render(own.solo, _SOLO, of_task(task))
    return render(own.leader, _TEAM, {**of_task(task), "answers": shown})


def compact_leader_prompt(question: str, shown: Sequence[str]) -> str:
    """`leader_prompt` of a compact question: miniature models read one character per token, so no instructions."""
    return "\n".join((question, *(f"{i} {text}" for i, text in enumerate(shown, start=1))))


def with_absent(task: Task, prompt: str, answered: int, asked: int, own: Prompts = STANDARD) -> str:
    """A leader prompt that says how many of its team answered, where not all did. A compact one shows it by itself."""
    if answered >= asked or is_compact(task):
        return prompt
    return f"{prompt}\n\n{render(own.absent, _ABSENT, {'answered': answered, 'asked': asked})}"


def answers_shown(prompt: str, own: Prompts = STANDARD) -> list[str]:
    """The team's answers in a leader prompt, in order; what looks like one inside a question or answer counts too."""
    around = _around(own.leader)
    found = around.before.split(prompt)[1:]
    if found and around.after and around.after in found[-1]:
        found[-1] = found[-1].rpartition(around.after)[0]
    return found or _SHOWN_COMPACT.split(prompt)[1:]


def shown(response: str, extracted: str | None, leader: Leader) -> str:
    """The part of a proposal that the leader reads, by `leader.information`."""
    match leader.information:
        case "full":
            return response
        case "answers":
            return stated(extracted)
        case "tail":
            return response[-leader.tail_chars :]
        case "votes":
            return vote(extracted, len(response))


def vote(extracted: str | None, characters: int) -> str:
    """What is shown of a proposal where only votes are: its answer, and how many hundreds of characters led to it."""
    return f"{extracted or '-'} {math.ceil(characters / 100)}"


def stated(extracted: str | None) -> str:
    """An extracted answer, where it alone is shown."""
    return extracted if extracted is not None else "(no answer)"


@lru_cache(maxsize=8)
def _around(own: str) -> _Around:
    """What a template puts around the answers, as a prompt of marks shows it; numbers in it may be any."""
    task = {"question": "\0", "benchmark": "", "subject": ""}
    parts = render(own, _TEAM, {**task, "answers": [f"\0{i}\0" for i in range(1, _SAMPLE + 1)]}).split("\0")
    numbers = [str(i) for i in range(1, _SAMPLE + 1)]
    if any(number not in parts for number in numbers):  # it shows a team of so many otherwise
        return _Around(re.compile(r"(?!)"), "")
    at = [parts.index(number) for number in numbers]
    before = [parts[i - 1] for i in at]
    after = parts[at[-1] + 1]
    if before[1] == before[0].replace("1", "2"):
        return _Around(re.compile(re.escape(before[0]).replace("1", r"\d{1,5}")), after)
    return _Around(re.compile("|".join(re.escape(text) for text in dict.fromkeys(before) if text) or r"(?!)"), after)

"""What an agent reads when it answers again: what the leader wrote, or what the others did."""

from collections.abc import Sequence

from mlpo_core.experiment import STANDARD, Agent, Prompts
from mlpo_core.prompts.task import is_compact, of_task
from mlpo_core.prompts.template import render
from mlpo_core.types import Task

_REVISION, _DEBATE = "revision.jinja", "debate.jinja"


def revision_prompt(task: Task, agent: Agent, answer: str, led: str, own: Prompts = STANDARD) -> str:
    """What an agent reads in round t > 0.

    Args:
        task: The task.
        agent: Who reads.
        answer: Its own previous answer.
        led: What the leader wrote.
        own: The experiment's templates.
    """
    if is_compact(task):
        return compact_revision_prompt(task.question, answer, led)
    return render(own.revision, _REVISION, {**of_task(task), "instruction": agent.prompt, "own": answer, "led": led})


def debate_prompt(task: Task, agent: Agent, answer: str, others: Sequence[str], own: Prompts = STANDARD) -> str:
    """What an agent reads when the team debates: as `revision_prompt`, with the answers of the others."""
    if is_compact(task):
        return "\n".join((task.question, f"own {answer}", *(f"{i} {text}" for i, text in enumerate(others, start=1))))
    values = {**of_task(task), "instruction": agent.prompt, "own": answer, "others": others}
    return render(own.debate, _DEBATE, values)


def compact_revision_prompt(question: str, own: str, leader: str) -> str:
    """`revision_prompt` of a compact question."""
    return f"{question}\nown {own}\nleader {leader}"

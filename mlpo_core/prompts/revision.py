"""What an agent reads when it answers again: what the leader wrote, or what the others did."""

from collections.abc import Sequence

from mlpo_core.experiment import Agent
from mlpo_core.prompts.task import is_compact, question
from mlpo_core.types import Task

_REVISE = (
    "You answered the task before, and the leader of your team then wrote its own answer. Look at both again, correct "
    "your answer if it was wrong, and end with your final answer inside <answer> and </answer>."
)
_DEBATE = (
    "You answered the task before, and so did the others in your team. Compare the answers, which may all be wrong, "
    "correct yours if it was wrong, and end with your final answer inside <answer> and </answer>."
)


def revision_prompt(task: Task, agent: Agent, own: str, leader: str) -> str:
    """What an agent reads in round t > 0: the task, its own previous answer, and the leader's output."""
    if is_compact(task):
        return compact_revision_prompt(task.question, own, leader)
    lead = f"{agent.prompt}\n{_REVISE}" if agent.prompt else _REVISE
    return f"{lead}\n\nTask:\n{question(task)}\n\nYour previous answer:\n{own}\n\nThe leader's answer:\n{leader}"


def debate_prompt(task: Task, agent: Agent, own: str, others: Sequence[str]) -> str:
    """What an agent reads when the team debates: the task, its own previous answer, and those of the others."""
    if is_compact(task):
        return "\n".join((task.question, f"own {own}", *(f"{i} {text}" for i, text in enumerate(others, start=1))))
    lead = f"{agent.prompt}\n{_DEBATE}" if agent.prompt else _DEBATE
    answers = "\n\n".join(f"Answer of teammate {i}:\n{text}" for i, text in enumerate(others, start=1))
    return f"{lead}\n\nTask:\n{question(task)}\n\nYour previous answer:\n{own}\n\n{answers}"


def compact_revision_prompt(question: str, own: str, leader: str) -> str:
    """`revision_prompt` of a compact question."""
    return f"{question}\nown {own}\nleader {leader}"

"""What agents and leader read. Every prompt is one user turn: some chat templates refuse a system message."""

from collections.abc import Sequence

from mlpo_core.config import Agent, Leader
from mlpo_core.tasks.families import COMPACT
from mlpo_core.types import Task

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_AGENT = "Solve the task step by step. End with your final answer inside <answer> and </answer>."
_SOLO = (
    "Solve the task. Think step by step between <think> and </think>, check your work, then write only the final "
    "answer between <answer> and </answer>."
)
_TEAM = (
    "You lead a team. Below are a task and your team's answers, which may be wrong, even all of them. Judge them, work "
    "the task out between <think> and </think>, then write only the final answer between <answer> and </answer>."
)
_REVISE = (
    "You answered the task before, and the leader of your team then wrote its own answer. Look at both again, correct "
    "your answer if it was wrong, and end with your final answer inside <answer> and </answer>."
)
_DEBATE = (
    "You answered the task before, and so did the others in your team. Compare the answers, which may all be wrong, "
    "correct yours if it was wrong, and end with your final answer inside <answer> and </answer>."
)
_NOTICE = (
    "The attempt below at the task is wrong. In one or two sentences that begin with Wait, write how its author would "
    "notice that something is off and decide to start again. Do not solve the task and do not give an answer."
)


def question(task: Task) -> str:
    """The task as text, with lettered options where it has choices."""
    lines = [task.question, *(f"({LETTERS[i]}) {c}" for i, c in enumerate(task.choices))]
    return "\n".join(lines)


def agent_prompt(task: Task, agent: Agent) -> str:
    """What an agent reads in round 0."""
    if _compact(task):
        return f"{agent.prompt}\n{task.question}" if agent.prompt else task.question
    return f"{agent.prompt or _AGENT}\n\nTask:\n{question(task)}"


def leader_prompt(task: Task, shown: Sequence[str]) -> str:
    """What the leader reads: the task and one proposal per agent as `shown` gives it; none is a solo prompt."""
    if _compact(task):
        return compact_leader_prompt(task.question, shown)
    if not shown:
        return f"{_SOLO}\n\nTask:\n{question(task)}"
    answers = "\n\n".join(f"Answer {i} of your team:\n{text}" for i, text in enumerate(shown, start=1))
    return f"{_TEAM}\n\nTask:\n{question(task)}\n\n{answers}"


def revision_prompt(task: Task, agent: Agent, own: str, leader: str) -> str:
    """What an agent reads in round t > 0: the task, its own previous answer, and the leader's output."""
    if _compact(task):
        return compact_revision_prompt(task.question, own, leader)
    lead = f"{agent.prompt}\n{_REVISE}" if agent.prompt else _REVISE
    return f"{lead}\n\nTask:\n{question(task)}\n\nYour previous answer:\n{own}\n\nThe leader's answer:\n{leader}"


def debate_prompt(task: Task, agent: Agent, own: str, others: Sequence[str]) -> str:
    """What an agent reads when the team debates: the task, its own previous answer, and those of the others."""
    if _compact(task):
        return "\n".join((task.question, f"own {own}", *(f"{i} {text}" for i, text in enumerate(others, start=1))))
    lead = f"{agent.prompt}\n{_DEBATE}" if agent.prompt else _DEBATE
    answers = "\n\n".join(f"Answer of teammate {i}:\n{text}" for i, text in enumerate(others, start=1))
    return f"{lead}\n\nTask:\n{question(task)}\n\nYour previous answer:\n{own}\n\n{answers}"


def compact_leader_prompt(question: str, shown: Sequence[str]) -> str:
    """`leader_prompt` of a compact question: miniature models read one character per token, so no instructions."""
    return "\n".join((question, *(f"{i} {text}" for i, text in enumerate(shown, start=1))))


def compact_revision_prompt(question: str, own: str, leader: str) -> str:
    """`revision_prompt` of a compact question."""
    return f"{question}\nown {own}\nleader {leader}"


def connector(task: Task, unsaid: str | None) -> str:
    """What joins a wrong attempt to a right one in a trace; `unsaid` is the wrong answer where the attempt omits it."""
    if _compact(task):
        return "\nwait "
    gives = "" if unsaid is None else f"\nThat gives {unsaid}."
    return f"{gives}\nWait, that is not right. Let me check it again.\n"


def connector_prompt(task: Task, attempt: str) -> str:
    """What the leader reads to write such a join itself."""
    return f"{_NOTICE}\n\nTask:\n{question(task)}\n\nAttempt:\n{attempt}"


def shown(response: str, extracted: str | None, leader: Leader) -> str:
    """The part of a proposal that the leader reads, by `leader.information`."""
    match leader.information:
        case "full":
            return response
        case "answers":
            return extracted if extracted is not None else "(no answer)"
        case "tail":
            return response[-leader.tail_chars :]


def _compact(task: Task) -> bool:
    return task.benchmark == "procedural" and task.subject in COMPACT

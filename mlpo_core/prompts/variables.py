"""What each template may use: the names, and what they hold."""

from collections.abc import Mapping
from typing import NamedTuple


class Variable(NamedTuple):
    """A variable of a template.

    Attributes:
        holds: What it is, for the documentation.
        many: Whether it is a list of texts, to go through with `for`.
        needed: Whether a template that leaves it out is refused: without it nobody knows what is asked.
    """

    holds: str
    many: bool = False
    needed: bool = False


_QUESTION = Variable("the question, with its lettered options below it where it has any", needed=True)
_TASK = {
    "question": _QUESTION,
    "benchmark": Variable("the task's benchmark, as `tasks` names it"),
    "subject": Variable("the task's subject; empty where there is none"),
}
_AGENT = {"instruction": Variable("the agent's own `prompt`; empty where it has none"), **_TASK}
_OWN = Variable("what the agent answered before", needed=True)

VARIABLES: Mapping[str, Mapping[str, Variable]] = {
    "agent": _AGENT,
    "revision": {**_AGENT, "own": _OWN, "led": Variable("what the leader wrote", needed=True)},
    "debate": {
        **_AGENT,
        "own": _OWN,
        "others": Variable("what the other agents answered, in the team's order", many=True, needed=True),
    },
    "leader": {
        **_TASK,
        "answers": Variable(
            "the team's answers in the team's order, as `leader.information` shows them", many=True, needed=True
        ),
    },
    "solo": _TASK,
    "correction": {**_TASK, "own": Variable("what the leader answered first", needed=True)},
    "absent": {
        "answered": Variable("how many agents answered", needed=True),
        "asked": Variable("how many were asked", needed=True),
    },
    "connector": {
        "unsaid": Variable("the wrong answer where the attempt does not say it itself, else none"),
        **_TASK,
        "question": _QUESTION._replace(needed=False),
    },
    "connector_request": {**_TASK, "attempt": Variable("the wrong attempt", needed=True)},
    "judge": {
        **_TASK,
        "gold": Variable("the gold answer: what a right answer is held against", needed=True),
        "rubric": Variable("what makes an answer right: `grading.judge.rubric`", needed=True),
        "answer": Variable("the answer to grade, between two lines with a mark that it cannot know", needed=True),
        "mark": Variable("that mark"),
        "form": Variable("how the verdict is to be written", needed=True),
    },
}
"""By template, in the order in which the settings stand. A connector follows an attempt, and must not ask again."""

"""What a gold answer of each kind has to be, and an answer that earns it."""

from collections.abc import Callable, Mapping

from mlpo_core.grading import json_value, members, pattern, programs, quantity
from mlpo_core.types import AnswerKind

_PROBLEMS: Mapping[str, Callable[[str], str | None]] = {
    "regex": pattern.problem,
    "json": json_value.problem,
    "unit": quantity.problem,
    "set": members.problem,
    "tests": programs.problem,
}


def problem(kind: AnswerKind, gold: str) -> str | None:
    """Why a text cannot be a gold answer of a kind; None where it can.

    Raises:
        BadInput: The kind needs a package that is not installed; names it.
    """
    return _PROBLEMS[kind](gold) if kind in _PROBLEMS else None


def example(kind: AnswerKind, gold: str) -> str | None:
    """An answer that must grade as correct; None where the gold answer only says what is asked of one."""
    match kind:
        case "regex" | "judge":
            return None
        case "json":
            return json_value.example(gold)
        case "unit":
            return quantity.example(gold)
        case "tests":
            return programs.example(gold)
        case _:
            return gold

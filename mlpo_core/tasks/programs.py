"""Rows of programming tasks: HumanEval's published format, or tests in fields of their own."""

from collections.abc import Mapping
from typing import Any

from mlpo_core.grading.programs import gold_of
from mlpo_core.tasks.parsing import RawRow

_TESTS, _SOLUTIONS = ("test", "tests"), ("canonical_solution", "solution")


def with_gold(row: RawRow) -> RawRow:
    """A row whose `answer` holds all that tests an answer; one that has no tests and `entry_point` stays as it is.

    In HumanEval's format the prompt is Python, and an answer may go on where it ends: then it is the setup too.
    """
    raw = row.fields
    entry_point, tests = _text(raw, ("entry_point",)), _text(raw, _TESTS)
    if not entry_point or not tests:
        return row
    prompt = _text(raw, ("prompt",))
    setup = _text(raw, ("setup",)) or (prompt if f"def {entry_point}(" in prompt else "")
    gold = gold_of(entry_point, tests, setup, _text(raw, _SOLUTIONS))
    return RawRow(row.where, {**raw, "answer": gold})


def _text(raw: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := raw.get(name), str) and value.strip()), "")

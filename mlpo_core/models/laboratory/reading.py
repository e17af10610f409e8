"""How a miniature model reads a compact question, and what of it its work shows."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mlpo_core.tasks.families import COMPACT, Solution, family_of, misread, solve

_STEP = re.compile(r"[+-]\d(=-?\d+)")
_OPERAND = re.compile(r"[+-]\d")


class Reading(NamedTuple):
    """What is taken for what.

    Attributes:
        symbols: Which operand symbol is read as which.
        places: Only among so many first operands of a question. None: wherever it stands.
    """

    symbols: Mapping[str, str]
    places: int | None = None


def as_read(question: str, reading: Reading) -> str:
    """A compact question as someone sees it who reads it so."""
    if reading.places is None:
        return misread(question, reading.symbols)
    family = COMPACT[family_of(question)]
    if family.word:
        head, start, *operands = question.split(" ")
        seen = [reading.symbols.get(o, o) if i < reading.places else o for i, o in enumerate(operands)]
        return " ".join((head, start, *seen))
    head, _, text = question.rpartition(" ")
    places = [i for i, character in enumerate(text) if character in family.symbols][: reading.places]
    return f"{head} {''.join(reading.symbols.get(c, c) if i in places else c for i, c in enumerate(text))}"


def work_through(question: str, reading: Reading, slips: bool = True) -> Solution:
    """The solution of a question as it is read.

    Args:
        question: As it stands.
        reading: How it is read.
        slips: Whether steps show operands as they were read; else they show the question's own, and only what comes of
            them is that of the misreading.
    """
    found = solve(as_read(question, reading))
    if slips:
        return found
    match family_of(question):
        case "sum":
            operands, results = _OPERAND.findall(question), _STEP.findall(found.work)
            steps = "".join(operand + result for operand, result in zip(operands, results, strict=True))
            return Solution(question.split()[1][0] + steps, found.answer)
        case "swap":
            pairs, rows = question.split()[2:], [step[2:] for step in found.work.split(",")]
            return Solution(",".join(pair + row for pair, row in zip(pairs, rows, strict=True)), found.answer)
        case _:
            return found

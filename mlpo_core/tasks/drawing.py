"""Compact questions of other shapes than the usual: longer or shorter chains, and a share of easy ones.

An easy question is made of symbols that no model misreads whose blind spots are made from its skill
(`mlpo_core.models.laboratory.blindness`), so that whoever has learnt the family gets it right.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.tasks.families import COMPACT, LETTERS, Question, solve

EASY: Mapping[str, Sequence[str]] = {
    "sum": "1289",
    "sort": "1289",
    "reverse": "abhi",
    "filter": "1289",
    "swap": ("13", "14"),
}
"""By family: the symbols of easy questions."""
USUAL: Mapping[str, int] = {"sum": 4, "sort": 5, "reverse": 5, "filter": 5, "swap": 3}
"""By family: operands of a question that says nothing else."""
SHORTEST, LONGEST = 3, 8
_OPTIONS = ("length", "easy_share")
_RULES = (">4", ">5", "<5", "<6", "odd", "even")


class Shape(NamedTuple):
    """What questions of a compact family look like.

    Attributes:
        length: Operands of a question: steps of the chain that leads to its answer. None: as many as is usual.
        easy_share: Share of the questions that are easy.
    """

    length: int | None = None
    easy_share: float = 0.0


def shape(family: str, options: Mapping[str, Any]) -> Shape:
    """The shape that `tasks.family_options` gives a compact family.

    Raises:
        BadInput: An option that there is not, or a value out of its range.
    """
    where = f"tasks.family_options.{family}"
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise BadInput(f"{where}: {unknown[0]!r:.80} is no option of a compact family: {', '.join(_OPTIONS)}")
    length, share = options.get("length"), options.get("easy_share", 0.0)
    is_whole = isinstance(length, int) and not isinstance(length, bool)
    if length is not None and not (is_whole and SHORTEST <= length <= LONGEST):
        raise BadInput(f"{where}.length: {length!r:.80} is no whole number from {SHORTEST} to {LONGEST}")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadInput(f"{where}.easy_share: {share!r:.80} is no share from 0 to 1")
    return Shape(length, float(share))


def shapes(experiment: Experiment) -> dict[str, Shape]:
    """The shapes of an experiment's compact families that are given one.

    Raises:
        BadInput: As `shape`; or two sources give one family different shapes, of which models learn only one.
    """
    found: dict[str, Shape] = {}
    for source in (t for t in experiment.tasks if t.benchmark == "procedural"):
        for family in (f for f in source.subjects or COMPACT if f in COMPACT):
            given = shape(family, source.family_options.get(family, {}))
            if found.setdefault(family, given) != given:
                raise BadInput(f"tasks.family_options.{family}: two sources differ; give both the same")
    return {family: given for family, given in found.items() if given != Shape()}


def questions(family: str, given: Shape, seed: int, n: int) -> list[Question]:
    """`n` questions of a compact family, the same for the same arguments; duplicates may occur."""
    rng = random.Random(f"{family} {seed}")  # noqa: S311 - a seeded draw, no secret
    drawn = [draw(family, given, rng) for _ in range(n)]
    return [Question(q, solve(q).answer, COMPACT[family].answer_kind) for q in drawn]


def draw(family: str, given: Shape, rng: random.Random) -> str:
    """A random question of a compact family; of the usual shape, exactly the family's own draw."""
    if given == Shape():
        return COMPACT[family].draw(rng)
    easy = given.easy_share > 0 and rng.random() < given.easy_share
    symbols = EASY[family] if easy else COMPACT[family].symbols
    length = given.length or USUAL[family]
    match family:
        case "sum":
            return f"sum {_terms(rng.choices(symbols, k=length), rng)}"
        case "filter":
            return _filter(symbols, length, rng)
        case "swap":
            return f"swap {''.join(rng.sample(LETTERS, 4))} {' '.join(rng.choices(symbols, k=length))}"
        case _:
            head = f"sort {rng.choice(('up', 'down'))}" if family == "sort" else family
            return f"{head} {''.join(rng.choices(symbols, k=length))}"


def _terms(digits: Sequence[str], rng: random.Random) -> str:
    total, terms = int(digits[0]), digits[0]
    for digit in digits[1:]:
        sign = rng.choice("+-") if total >= int(digit) else "+"
        total += int(sign + digit)
        terms += sign + digit
    return terms


def _filter(symbols: Sequence[str], length: int, rng: random.Random) -> str:
    """One that keeps some digits, more than one, and not all: as long an answer tells more than guessing."""
    while True:
        question = f"keep {rng.choice(_RULES)} {''.join(rng.choices(symbols, k=length))}"
        if 1 < len(solve(question).answer.replace("none", "")) < length:
            return question

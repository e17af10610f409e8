"""Procedural task families: five compact ones for miniature models, and every text dataset of `reasoning-gym`.

A compact question is one short line whose first word is its family (`sum 4-1+7+2`). Its solution can be computed
with some symbols misread, which is how miniature agents get their blind spots (`mlpo_core.models.laboratory`).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.types import AnswerKind

DIGITS = "123456789"
LETTERS = "abcdefghi"
PAIRS = ("12", "13", "14", "23", "24", "34")


class Question(NamedTuple):
    """A generated question with its gold answer."""

    question: str
    answer: str
    answer_kind: AnswerKind


class Solution(NamedTuple):
    """Worked steps, which end with the answer, and the answer."""

    work: str
    answer: str


class Family(NamedTuple):
    """A compact family.

    Attributes:
        symbols: Everything that can stand in its operands; blind spots are misreadings of these.
        draw: A random question.
        solve: The solution of a question.
        word: Whether the operands are whole words after the second one, rather than the last word's characters.
        answer_kind: How its answers are compared.
    """

    symbols: Sequence[str]
    draw: Callable[[random.Random], str]
    solve: Callable[[str], Solution]
    word: bool = False
    answer_kind: AnswerKind = "exact"


def _digits(rng: random.Random) -> str:
    return "".join(rng.choices(DIGITS, k=5))


def _draw_sum(rng: random.Random) -> str:
    first, *rest = rng.choices(DIGITS, k=4)
    total, terms = int(first), first
    for digit in rest:
        sign = rng.choice("+-") if total >= int(digit) else "+"
        total += int(sign + digit)
        terms += sign + digit
    return f"sum {terms}"


def _solve_sum(question: str) -> Solution:
    terms = question.split()[1]
    total, steps = int(terms[0]), list[str]()
    for sign, digit in zip(terms[1::2], terms[2::2], strict=True):
        total += int(sign + digit)
        steps.append(f"{sign}{digit}={total}")
    return Solution(terms[0] + "".join(steps), str(total))


def _draw_sort(rng: random.Random) -> str:
    return f"sort {rng.choice(('up', 'down'))} {_digits(rng)}"


def _solve_sort(question: str) -> Solution:
    _, direction, digits = question.split()
    answer = "".join(sorted(digits, reverse=direction == "down"))
    return Solution(answer, answer)


def _draw_reverse(rng: random.Random) -> str:
    return "reverse " + "".join(rng.choices(LETTERS, k=5))


def _solve_reverse(question: str) -> Solution:
    answer = question.split()[1][::-1]
    return Solution(answer, answer)


def _draw_filter(rng: random.Random) -> str:
    while True:
        question = f"keep {rng.choice(('>4', '>5', '<5', '<6', 'odd', 'even'))} {_digits(rng)}"
        if 1 < len(_solve_filter(question).answer.replace("none", "")) < 5:
            return question


def _solve_filter(question: str) -> Solution:
    _, rule, digits = question.split()
    match rule[0]:
        case ">":
            kept = [d for d in digits if d > rule[1]]
        case "<":
            kept = [d for d in digits if d < rule[1]]
        case _:
            kept = [d for d in digits if int(d) % 2 == (rule == "odd")]
    answer = "".join(kept) or "none"
    return Solution(answer, answer)


def _draw_swap(rng: random.Random) -> str:
    return f"swap {''.join(rng.sample(LETTERS, 4))} {' '.join(rng.choices(PAIRS, k=3))}"


def _solve_swap(question: str) -> Solution:
    _, letters, *pairs = question.split()
    row, steps = list(letters), list[str]()
    for pair in pairs:
        i, j = int(pair[0]) - 1, int(pair[1]) - 1
        row[i], row[j] = row[j], row[i]
        steps.append(f"{pair}{''.join(row)}")
    return Solution(",".join(steps), "".join(row))


COMPACT: Mapping[str, Family] = {
    "sum": Family(DIGITS, _draw_sum, _solve_sum, answer_kind="number"),
    "sort": Family(DIGITS, _draw_sort, _solve_sort),
    "reverse": Family(LETTERS, _draw_reverse, _solve_reverse),
    "filter": Family(DIGITS, _draw_filter, _solve_filter),
    "swap": Family(PAIRS, _draw_swap, _solve_swap, word=True),
}
"""Arithmetic, ordering, string, logic and tracking."""


def generate(family: str, options: Mapping[str, Any], seed: int, n: int) -> list[Question]:
    """`n` questions of a family, the same for the same arguments; duplicates may occur.

    Args:
        family: A key of `COMPACT`, or the name of a `reasoning-gym` dataset.
        options: The `reasoning-gym` dataset's configuration; a compact family takes none here: other shapes of its
            questions are drawn by `mlpo_core.tasks.drawing`.
        seed: Seed of the generator.
        n: How many.

    Raises:
        BadInput: No such family, options that it does not know, or a family whose answers are not text.
    """
    if compact := COMPACT.get(family):
        if options:
            raise BadInput(f"tasks.family_options.{family}: a compact family has no options, got {sorted(options)}")
        rng = random.Random(f"{family} {seed}")  # noqa: S311 - a seeded draw, no secret
        questions = [compact.draw(rng) for _ in range(n)]
        return [Question(q, compact.solve(q).answer, compact.answer_kind) for q in questions]
    return _reasoning_gym(family, options, seed, n)


def misread(question: str, reading: Mapping[str, str]) -> str:
    """A compact question as someone sees it who takes one operand symbol for another."""
    if COMPACT[family_of(question)].word:
        head, start, *operands = question.split(" ")
        return " ".join((head, start, *(reading.get(o, o) for o in operands)))
    head, _, operands = question.rpartition(" ")
    return f"{head} {''.join(reading.get(o, o) for o in operands)}"


def solve(question: str, reading: Mapping[str, str] | None = None) -> Solution:
    """The solution of a compact question, as it stands or as `reading` distorts it."""
    return COMPACT[family_of(question)].solve(misread(question, reading) if reading else question)


def family_of(question: str) -> str:
    """The family of a compact question."""
    word = question.partition(" ")[0]
    return "filter" if word == "keep" else word


def _reasoning_gym(family: str, options: Mapping[str, Any], seed: int, n: int) -> list[Question]:
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    if family not in DATASETS:
        raise BadInput(
            f"tasks.subjects: no procedural family {family!r}. Compact: {', '.join(COMPACT)}. "
            f"From reasoning-gym: {', '.join(sorted(DATASETS))}"
        )
    try:
        entries = list(reasoning_gym.create_dataset(family, seed=seed, size=n, **options))
    except (TypeError, AssertionError, ValueError) as error:
        raise BadInput(f"tasks.family_options.{family}: reasoning-gym refuses them: {error}") from error
    for entry in entries:
        if not isinstance(entry["answer"], str) or not entry["answer"]:
            raise BadInput(
                f"tasks.subjects: {family} has questions without a single text answer; choose another family"
            )
    return [Question(entry["question"], entry["answer"], _kind(entry["answer"])) for entry in entries]


def _kind(answer: str) -> AnswerKind:
    try:
        float(answer)
    except ValueError:
        return "exact"
    return "number"

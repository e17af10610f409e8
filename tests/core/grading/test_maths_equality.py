"""Equality of expressions: infinities, tiny numbers, intervals; and no strange answer that fits many golds."""

import itertools
import json
import random
from pathlib import Path

import pytest

from mlpo_core.grading import Grader
from mlpo_core.grading.maths_equality import equal
from mlpo_core.types import Task

STRANGE_ATOMS = (
    *(r"\infty", r"-\infty", "0", "1", "x", "i", "e", r"\pi", r"\emptyset", "10^{100}", r"9^{9^{9^9}}", "y"),
    *(
        r"\text{undefined}",
        r"\text{nan}",
        "None",
        r"\{\}",
        "()",
        r"\pm",
        "?",
        r"\ldots",
        r"\frac{0}{0}",
        r"\varnothing",
    ),
)
STRANGE_FORMS = (
    *(
        "{0}",
        r"\max({0},{1})",
        r"\min({0},{1})",
        "{0}^{{{1}}}",
        r"{0} \cdot {1}",
        "{0}-{1}",
        "{0}+{1}",
        r"\frac{{{0}}}{{{1}}}",
    ),
    *(r"\sqrt{{\sqrt{{{0}}}}}", r"\ln({0})", r"\log_{{{0}}} {1}", r"\sin({0})", r"\arctan({0})", r"|{0}|", "({0},{1})"),
    *(
        "[{0},{1}]",
        r"\{{{0},{1}\}}",
        r"\lim_{{x \to {0}}} {1}",
        "{0}!",
        r"{0}^\infty \cdot {1}^\infty",
        "{0}={1}",
        "{0} {1}",
    ),
    *(r"\text{{sign}}({0})", r"\lfloor {0} \rfloor", r"\sum_{{n={0}}}^{{\infty}} {1}", r"{0} \cup {1}", r"{0} \le {1}"),
)
GOLDS = (
    *(str(n) for n in (0, 1, 2, 3, 7, 12, 100, -1, -8, 2004)),
    *(rf"\frac{{{n}}}{{{d}}}" for n, d in itertools.product((1, 3, -5), (2, 7, 16))),
    *(rf"{n}\sqrt{{{r}}}" for n, r in itertools.product((2, 3, 10), (2, 3, 13))),
    *(
        r"\frac{\pi}{6}",
        r"2\pi",
        "x^2-3x-10",
        "y = 2x + 3",
        "p - q",
        "(3,4]",
        "1,-2",
        r"\left( 5, \frac{\pi}{2} \right)",
    ),
    *(r"\text{even}", r"\text{Evelyn}", r"2516_8", "6+9i", r"(-\infty, 3)", r"[2, \infty)", r"\{1,2,3\}", "90^\\circ"),
    *(r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "x=5", r"\frac{x+1}{x-1}", "0.12", r"10\%", "a^2 + b^2", "(1,2,3)"),
)


def strange_answers(count: int) -> list[str]:
    """Short expressions of the kinds that a search for a constant answer comes upon first; the same in every run."""
    drawn = random.Random(0)
    made = [
        r"\max(\infty,1)",
        r"\infty^\infty \cdot \infty^\infty",
        r"2^\infty",
        r"\infty",
        r"\frac{1}{0}",
        r"\frac{0}{0}",
    ]
    while len(made) < count:
        form, parts = drawn.choice(STRANGE_FORMS), drawn.choices(STRANGE_ATOMS, k=2)
        made.append(form.format(*parts))
    return list(dict.fromkeys(made))


def golds(shared: Path) -> list[str]:
    file = shared / "math" / "MATH500_test.jsonl"
    published = [json.loads(line)["answer"] for line in file.read_text().splitlines()] if file.is_file() else []
    return list(dict.fromkeys([*GOLDS, *published[::4]]))


def credited(answers: list[str], known: list[str]) -> dict[str, float]:
    """The share of golds that each answer is credited for; a gold that is the answer itself does not count."""
    tasks = [Task(str(i), "math", "", "test", "", (), gold, "math") for i, gold in enumerate(known)]
    pairs = [(task, f"<answer>{answer}</answer>") for answer in answers for task in tasks]
    with Grader(2) as grader:
        verdicts = grader.grade_many(pairs)
    rights = [verdict.correct for verdict in verdicts]
    return {a: sum(rights[i * len(known) : (i + 1) * len(known)]) / len(known) for i, a in enumerate(answers)}


def test_no_strange_answer_is_credited_on_unrelated_golds():
    shares = credited(strange_answers(14), list(GOLDS))
    assert {answer: share for answer, share in shares.items() if share > 0.02} == {}


@pytest.mark.long
def test_no_strange_answer_is_credited_on_published_golds(shared_data: Path):
    shares = credited(strange_answers(150), golds(shared_data))
    assert {answer: share for answer, share in shares.items() if share > 0.02} == {}


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\frac{1}{2}", r"\sin(\frac{30\pi}{180})"),
        ("-1", r"e^{i\pi}"),
        (r"[2,\infty)", r"x \ge 2"),
        ("(0,12.5)", "0 < x < 12.5"),
        (r"(2,\infty)", r"(2, \infty)"),
        (r"\frac{1}{3}", "0.3333333"),
        ("3+2i", "2i+3"),
        ("x", r"\frac{x^2}{x}"),
        (r"\infty", r"\infty"),
    ],
)
def test_equal_expressions(gold: str, answer: str):
    assert equal(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("0", r"\frac{1}{2000000}"),
        (r"\frac{1}{2000000}", "0"),
        (r"\frac{1}{2004!}", r"\frac{1}{1004!}"),
        (r"\frac{1}{2004!}", r"-\frac{1}{2004!}"),
        ("(0,1)", "[0,1)"),
        ("5", "9^{9^{9^9}}"),
        ("x+1", r"2^\infty"),
        ("0", r"\emptyset"),
        (r"\sqrt{x^2}", "x"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ \infty \end{pmatrix}"),
    ],
)
def test_different_expressions(gold: str, answer: str):
    assert not equal(gold, answer)


def test_the_verdict_does_not_depend_on_what_was_drawn_before():
    verdicts: set[bool] = set()
    for seed in range(5):
        random.seed(seed)
        verdicts.add(equal("3", r"2^\infty"))
        verdicts.add(equal(r"\frac{1}{2}", r"\sqrt{\sqrt{x}}"))
    assert verdicts == {False}

"""Free-form mathematics: equivalence, prose, LaTeX variants."""

from collections.abc import Iterator

import pytest

from mlpo_core.grading import Grader
from mlpo_core.grading.maths import rational
from mlpo_core.types import Task


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(1) as shared:
        yield shared


def task(gold: str) -> Task:
    return Task("t", "math", "", "test", "?", (), gold, "math")


EQUAL = [
    (r"\frac{1}{2}", r"\boxed{\dfrac12}"),
    (r"\frac{1}{2}", "The answer is 0.5."),
    (r"\frac{1}{2}", "<answer>1/2</answer>"),
    (".5", r"\boxed{\frac{1}{2}}"),
    (r"\frac43", r"\[ \text{Answer: } \frac{4}{3} \]"),
    (r"\frac{5}{13}", r"$|w| = \dfrac{65}{169}$"),
    (r"3\sqrt{13}", "Answer: 3√13"),
    (r"3\sqrt{13}", r"So $x = \sqrt{117}$."),
    (r"90^\circ", r"\boxed{90}"),
    ("90", r"\boxed{90^{\circ}}"),
    ("90", "Answer: 90°"),
    (r"10,\!080", r"\boxed{10080}"),
    ("10080", "There are 10,080 ways to do this."),
    (r"\$32,\!348", "Answer: $32,348"),
    ("10", r"\boxed{10\%}"),
    (r"864 \mbox{ inches}^2", "Answer: 864 square inches"),
    ("65", "Therefore, the volume of the cone is 65 cubic units."),
    ("65", "Answer: $65 (cubic units)$"),
    (r"5.4 \text{ cents}", "Answer: 5.4"),
    ("1250", "Answer: 1,000,000 lire is equivalent to 1,250 dollars."),
    ("-256", "The value of $a$ is $-256$."),
    ("4", "Answer: $x$ equals 4."),
    ("x=5", "The only value of $x$ that satisfies the equation is $x = 5$."),
    ("x=5", r"\boxed{5}"),
    ("5", r"\boxed{x = 5}"),
    ("1,-2", "Answer: -2, 1"),
    ("1,-2", r"$n = -2 \quad \text{or} \quad n = 1$"),
    (r"(2,\infty)", r"\boxed{(2, \infty)}"),
    (r"x \in [-2,7]", r"\boxed{[-2, 7]}"),
    (r"\left( \frac{3}{2}, -13 \right)", "Answer: $(3/2, -13)$"),
    (
        r"\begin{pmatrix} 16/49 \\ 48/49 \\ 24/49 \end{pmatrix}",
        r"\boxed{\begin{pmatrix} \frac{16}{49} \\ \frac{48}{49} \\ \frac{24}{49} \end{pmatrix}}",
    ),
    (r"\text{Evelyn}", "The answer is Evelyn."),
    (r"\text{(C)}", r"\boxed{C}"),
    (r"\text{even}", "Answer: **even**"),
    ("p - q", r"\boxed{-q + p}"),
    ("x^3+3x-6", r"\boxed{-6 + 3x + x^3}"),
    ("y = 2x + 3", "Answer: $y = 3 + 2x$"),
    (r"1\frac{4}{5}", r"\boxed{\frac{9}{5}}"),
    ("2516_8", r"\boxed{2516_8}"),
    (r"\frac{1}{2}", "Ответ: $\\frac{1}{2}$"),
    (r"-\frac{\pi}{6}", "<think>so</think><answer>-π/6</answer>"),
    (r"\frac 59", r"0.\overline{7}-0.\overline{2} = \frac{7-2}{9} = \frac{5}{9}"),
]


def test_equal_answers(grader: Grader):
    wrong = EQUAL
    for _ in range(3):  # a crowded machine can starve a comparison
        verdicts = grader.grade_many([(task(gold), response) for gold, response in wrong])
        wrong = [pair for pair, verdict in zip(wrong, verdicts, strict=True) if not verdict.correct]
    assert wrong == []


OTHER = [
    (r"\frac{1}{2}", r"\boxed{\frac{1}{3}}"),
    ("4", r"$r = \frac{7}{2} \quad \text{or} \quad r = 4$"),
    ("1,-2", r"\boxed{1}"),
    ("90", "Answer: 9"),
    (".5", r"\boxed{5}"),
    ("5", r"\boxed{.5}"),
    (r"\frac{\pi}{6}", r"\boxed{-\frac{\pi}{6}}"),
    ("(3,4]", "Answer: $(3,4)$"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\boxed{\begin{pmatrix} 2 \\ 1 \end{pmatrix}}"),
    ("p - q", r"\boxed{q - p}"),
    (r"\text{Evelyn}", "Answer: Angela"),
    ("7", "<think>The answer is 7"),
    ("7", ""),
]


def test_other_answers(grader: Grader):
    verdicts = grader.grade_many([(task(gold), response) for gold, response in OTHER])
    assert [pair for pair, verdict in zip(OTHER, verdicts, strict=True) if verdict.correct] == []


def test_plain_numbers_need_no_algebra():
    assert rational(r"-1\frac{4}{5}") == -rational("9/5")  # pyright: ignore[reportOptionalOperand]
    assert rational("0.5") == rational(r"\frac{1}{2}")
    assert rational("1/0") is None
    assert rational("x") is None

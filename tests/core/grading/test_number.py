"""Numbers: signs, separators, units, fractions, equations."""

import pytest

from mlpo_core.grading import grade
from mlpo_core.types import Task, Verdict


def verdict(gold: str, response: str | None) -> Verdict:
    return grade(Task("t", "bbh", "", "test", "?", (), gold, "number"), response)


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        ("-240", "So the answer is -240."),
        ("-240", "<answer>−240</answer>"),
        ("12", "The answer is 12 apples."),
        ("12", "**Answer:** $12$"),
        ("12", "The answer is twelve."),
        ("12", "1 + 1 + 10 = 12"),
        ("12", "The answer is 7 + 5 = 12."),
        ("1234567", "The total is:\n\\boxed{1,234,567}"),
        ("10080", "\\boxed{10{,}080}"),
        ("10080", "\\boxed{10,\\!080}"),
        ("3.5", "Answer: $3.50"),
        ("0.5", "Answer: 1/2"),
        ("0.5", "\\boxed{\\frac{1}{2}}"),
        ("1500000", "Answer: 1.5e6"),
        ("90", "Answer: 90°"),
        ("15", "15 %"),
        ("-5453", "A * B = -133 * 41 = -5453. So the answer is -5453."),
    ],
)
def test_equal_numbers(gold: str, response: str):
    assert verdict(gold, response).correct


@pytest.mark.parametrize(
    ("gold", "response"),
    [("240", "-240"), ("12", "The answer is 120."), ("12", "The answer is 1"), ("3", "three hundred 300"), ("7", None)],
)
def test_other_numbers(gold: str, response: str | None):
    assert not verdict(gold, response).correct


def test_what_was_read_is_written_in_one_way():
    assert [verdict("1", text).extracted for text in ("1,000", "+1000.0", "2/4", "1/3", "no")] == [
        "1000",
        "1000",
        "0.5",
        "1/3",
        None,
    ]

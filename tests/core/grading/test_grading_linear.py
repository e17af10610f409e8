"""Every regular expression of the grader, and grading as a whole, takes time in proportion to its input."""

import importlib
import itertools
import pkgutil
import random
import re
import time
from collections.abc import Callable

import pytest

from mlpo_core import grading
from mlpo_core.grading import grade
from mlpo_core.grading.maths import prepare
from mlpo_core.types import Task

PIECES = (
    *(
        " ",
        "\n",
        "\t",
        "a",
        "A",
        "1",
        "-",
        "(",
        ")",
        "$",
        "*",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "|",
        ",",
        ".",
        ":",
        "_",
        "#",
        "é",
        "是",
    ),
    *(
        "\\boxed{",
        "\\boxed{1}",
        "answer is ",
        "answer",
        "Answer: ",
        "answer to ",
        "final answer ",
        "(A) ",
        "(A)",
        "- (A) (B) (C) (D)\n",
    ),
    *(
        "1. (A)\n",
        "1,000",
        "1,",
        "not ",
        "but ",
        "\\frac{1}",
        "\\text{",
        "\\text{a",
        "or ",
        "A or ",
        "A, ",
        "if ",
        "Q: \n",
        "x=",
        "x<",
    ),
    *(
        "1/",
        "\\[",
        "\\(",
        "</s>",
        "<|im_end|>",
        "[INST]",
        '"answer": "',
        '"answer": [',
        "'",
        "0.",
        "1 1/",
        "one ",
        "one hundred ",
    ),
    *(
        "\\begin{pmatrix}",
        "\\overline{",
        "a-",
        "A:",
        "no ",
        "neither ",
        "(1) F, ",
        "it is ",
        "and not ",
        "1..",
        "=",
        "12 or ",
        "sqrt(",
    ),
    *(
        "<answer>",
        "<answer></answer>",
        "<think>",
        "</think>",
        "²",
        "½",
        "\\pm",
        "(a+",
        "A)\n",
        "summarize ",
        "now, let's ",
        "is the ",
        "- Yes\n",
    ),
)
PATTERNS = [
    (f"{module.name.rsplit('.', 1)[-1]}.{name}", value)
    for module in pkgutil.iter_modules(grading.__path__, f"{grading.__name__}.")
    if not module.name.endswith("maths_worker")
    for name, value in vars(importlib.import_module(module.name)).items()
    if isinstance(value, re.Pattern)
]
TASKS = (
    Task("o", "mmlu", "", "test", "?", ("red apple", "blue pear", "tiny plum"), "B", "option"),
    Task("n", "bbh", "", "test", "?", (), "271828", "number"),
    Task("e", "bbh", "", "test", "?", (), "barn damp delmarva", "exact"),
    Task("l", "bbh", "", "test", "?", (), "valid", "exact"),
    Task("y", "bbh", "", "test", "?", (), "yes", "exact"),
    Task("d", "bbh", "", "test", "?", (), "] } )", "exact"),
)
FLOOR_S = 0.02
"""Below this a ratio of times says nothing."""


def cpu_s(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def grows_too_fast(work: Callable[[str], object], piece: str, characters: int) -> bool:
    """Whether twice the input takes more than three times as long, in the best of three tries."""
    short, long = piece * (characters // len(piece)), piece * (2 * characters // len(piece))
    for _ in range(3):
        before, after = cpu_s(lambda: work(short)), cpu_s(lambda: work(long))
        if after <= 3 * max(before, FLOOR_S):
            return False
    return True


def search_all(pattern: "re.Pattern[str]", text: str) -> None:
    for _ in pattern.finditer(text):
        pass
    pattern.fullmatch(text)


@pytest.mark.parametrize(("name", "pattern"), PATTERNS, ids=[name for name, _ in PATTERNS])
def test_every_expression_is_linear(name: str, pattern: "re.Pattern[str]"):
    slow = [p for p in PIECES if grows_too_fast(lambda text: search_all(pattern, text), p, 4_000)]
    assert slow == [], name


def grade_all(text: str) -> None:
    for task in TASKS:
        grade(task, text)
    prepare(r"\frac{1}{2}", text)


def test_a_looping_list_of_options_is_read_in_no_time():
    looped = "- (A) (B) (C) (D)\n" * 400
    assert cpu_s(lambda: grade_all(looped[:-5])) < 1


def test_dollars_and_boxes_are_read_in_no_time():
    for piece in ("$", "\\boxed{1}$", "$\\boxed{1}$, "):
        assert cpu_s(lambda text=piece * 40_000: grade_all(text)) < 3


@pytest.mark.parametrize("piece", PIECES)
def test_grading_as_a_whole_is_linear(piece: str):
    assert not grows_too_fast(grade_all, piece, 6_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_grading_mixed_pieces_is_linear(seed: int):
    drawn = random.Random(seed)
    piece = "".join(drawn.choices(PIECES, k=drawn.randint(2, 5)))
    assert not grows_too_fast(grade_all, piece, 6_000), piece


def test_spaces_after_an_answer_do_not_hide_it():
    response = "The answer is B." + " " * 200_000
    assert grade(TASKS[0], response).correct


def test_no_two_names_share_an_expression_by_mistake():
    names = [name for name, _ in PATTERNS]
    assert all(names.count(name) == 1 for name in names)
    assert len(list(itertools.filterfalse(lambda pair: pair[0].startswith("pool"), PATTERNS))) > 40

"""Properties over arbitrary and hostile text: grading never raises, stays in time, and is not fooled."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_core.grading import grade
from mlpo_core.grading.maths import prepare
from mlpo_core.types import AnswerKind, Task

GOLD: dict[AnswerKind, Task] = {
    "option": Task("o", "mmlu", "", "test", "?", ("red apple", "blue pear", "tiny plum"), "B", "option"),
    "number": Task("n", "bbh", "", "test", "?", (), "271828", "number"),
    "exact": Task("e", "bbh", "", "test", "?", (), "barn damp delmarva", "exact"),
}
LABELS = Task("l", "bbh", "", "test", "?", (), "valid", "exact")
BRACKETS = Task("d", "bbh", "", "test", "?", (), "] } )", "exact")

PIECES = st.sampled_from(
    [
        *("<think>", "</think>", "<answer>", "</answer>", "\\boxed{", "}", "{", "\\frac{", "\\text{", "$", "$$"),
        *("\\[", "\\]", "\\(", "\\)", "(", ")", "Answer:", "answer", "is", "**", "A", "B", "(B)", "9**9", "Q:"),
        *("Question\\ 1", "-", "*", ",", ".", "12", "1,000", "/", "e5", "%", "\n", "\t", "\ud800", "\x00", "\x1b[2J"),
        *("<script>alert(1)</script>", "=cmd()", "|", "\ufdfa", "<|im_end|>", "Ответ:", "答案是"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=60).map(" ".join), st.lists(PIECES, max_size=60).map("".join))


@given(TEXTS)
@settings(max_examples=300, deadline=2000)
def test_any_text_gets_a_verdict(text: str):
    for task in (*GOLD.values(), LABELS, BRACKETS):
        verdict = grade(task, text)
        assert verdict.extracted is None or verdict.extracted.encode() is not None
        assert not (verdict.correct and verdict.extracted is None)
    prepared = prepare(r"\frac{1}{2}", text)
    assert prepared.extracted is None or len(prepared.extracted) <= 1000


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_number_that_is_not_there_is_never_right(text: str):
    assert not grade(GOLD["number"], text.replace("271", "")).correct


@given(st.integers(-(10**12), 10**12))
def test_every_integer_equals_itself_in_all_dresses(number: int):
    task = Task("n", "bbh", "", "test", "?", (), str(number), "number")
    for text in (f"{number}", f"The answer is {number:,}.", f"\\boxed{{{number}}}", f"**Answer: {number}**"):
        assert grade(task, text).correct


@given(st.sampled_from("ABC"), TEXTS.filter(lambda text: "answer" not in text.lower()))
def test_an_answer_tag_outweighs_whatever_stands_before_it(letter: str, before: str):
    closed = before.replace("<", "").replace(">", "")
    assert grade(GOLD["option"], f"{closed}<answer>{letter}</answer>").extracted == letter


MEGABYTE = 1_000_000
TRAPS = {
    "letters": "a" * MEGABYTE,
    "spaces": " " * MEGABYTE + "x",
    "answers": "answer is " * (MEGABYTE // 10),
    "answer_spaces": ("answer" + " " * 50) * (MEGABYTE // 56),
    "boxes": "\\boxed{" * (MEGABYTE // 7),
    "closed_boxes": "\\boxed{1}" * (MEGABYTE // 9),
    "tags": "<answer>" * (MEGABYTE // 8),
    "empty_tags": "<answer></answer>" * (MEGABYTE // 17),
    "thinks": "<think></think>" * (MEGABYTE // 15),
    "digits": "9" * MEGABYTE,
    "commas": "1,000" * (MEGABYTE // 5),
    "minuses": "-" * MEGABYTE,
    "dollars": "$" * MEGABYTE,
    "display": "\\[" * (MEGABYTE // 2),
    "brackets": "([{" * (MEGABYTE // 3),
    "newlines": "\n" * MEGABYTE,
    "lines": "A)\n" * (MEGABYTE // 3),
    "questions": "Q:\n" * (MEGABYTE // 3),
    "list": "- (A) x\n" * (MEGABYTE // 8),
    "stars": "*" * MEGABYTE,
    "hashes": "#" * MEGABYTE,
    "expanding": "\ufdfa" * (MEGABYTE // 3),
    "zalgo": "a" + "\u0301" * MEGABYTE,
    "options": "red apple blue pear " * (MEGABYTE // 20),
    "roots": "√(" * (MEGABYTE // 2),
    "text": "\\text{" * (MEGABYTE // 6),
    "words": "ab " * (MEGABYTE // 3),
    "is": "is " * (MEGABYTE // 3),
    "backslashes": "\\" * MEGABYTE,
    "colons": "answer:" * (MEGABYTE // 7),
}


@pytest.fixture(scope="module")
def loaded() -> None:
    """The algebra library, whose import is not what these tests time."""
    prepare(r"\frac{1}{2}", r"\boxed{\frac{1}{2}}")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("tagged", [False, True])
def test_a_megabyte_is_graded_within_the_limit(name: str, tagged: bool):
    text = f"<answer>{TRAPS[name]}</answer>" if tagged else TRAPS[name]
    for task in (*GOLD.values(), LABELS, BRACKETS):
        assert takes_less(1.5, lambda task=task: grade(task, text)), task.task_id
    assert takes_less(0.7, lambda: prepare(r"\frac{1}{2}", text))


def takes_less(seconds: float, work: Callable[[], object]) -> bool:
    """Whether some work takes less of this thread's time; a core that others share is given three chances."""

    def spent() -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    return any(spent() < seconds for _ in range(3))

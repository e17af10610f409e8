"""How models read questions: misreading among the first operands only, and work with and without visible slips."""

import pytest

from mlpo_core.models.laboratory.reading import Reading, as_read, work_through
from mlpo_core.tasks.drawing import Shape, questions
from mlpo_core.tasks.families import COMPACT, misread, solve


@pytest.mark.parametrize(
    ("question", "symbols", "places", "seen"),
    [
        ("sum 3-1+3+2", {"3": "8"}, 2, "sum 8-1+3+2"),
        ("sort up 39143", {"3": "8"}, 4, "sort up 89143"),
        ("keep >4 41243", {"4": "9"}, 1, "keep >4 91243"),
        ("reverse abcab", {"a": "h", "b": "i"}, 2, "reverse hicab"),
        ("swap abcd 12 34 12", {"12": "13"}, 2, "swap abcd 13 34 12"),
        ("swap abcd 12 34 12", {"12": "13"}, None, "swap abcd 13 34 13"),
    ],
)
def test_only_the_first_operands_are_misread(
    question: str, symbols: dict[str, str], places: int | None, seen: str
) -> None:
    assert as_read(question, Reading(symbols, places)) == seen


@pytest.mark.parametrize("family", COMPACT)
def test_hidden_slips_change_no_answer_and_are_no_slips_where_nothing_is_misread(family: str) -> None:
    symbols = COMPACT[family].symbols
    reading = Reading({symbols[0]: symbols[3]})
    for item in questions(family, Shape(), 1, 200):
        hidden, shown = (work_through(item.question, reading, slips) for slips in (False, True))
        assert hidden.answer == shown.answer and hidden.work.endswith(hidden.answer)
        assert shown == solve(misread(item.question, reading.symbols))
        assert work_through(item.question, Reading({}), slips=False) == solve(item.question)


def test_work_without_slips_shows_the_questions_own_operands() -> None:
    assert work_through("sum 3-1+3", Reading({"3": "8"}), slips=False).work == "3-1=7+3=15"
    assert work_through("sum 3-1+3", Reading({"3": "8"})).work == "8-1=7+8=15"
    assert work_through("sum 3-5+1", Reading({"5": "9"}), slips=False).work == "3-5=-6+1=-5"
    swapped = work_through("swap abcd 12 34", Reading({"12": "13"}), slips=False)
    assert swapped == ("12cbad,34cbda", "cbda")

"""Multiple choice: letters in every dress, option text, and no answer."""

import pytest

from mlpo_core import grading
from mlpo_core.grading.option import letter_of, listed_options
from mlpo_core.types import Task

PLANETS = ("Venus", "Mars", "Venus and Mars", "Jupiter")


def task(answer: str = "B", choices: tuple[str, ...] = PLANETS, question: str = "Which?") -> Task:
    return Task("t", "mmlu", "", "test", question, choices, answer, "option")


def grade(task: Task, response: str | None) -> tuple[str | None, bool]:
    verdict = grading.grade(task, response)
    return verdict.extracted, verdict.correct


@pytest.mark.parametrize(
    "response",
    [
        "B",
        "(B)",
        "B.",
        "b",
        "**B**",
        "Answer: B",
        "Answer: (B) Mars",
        "Answer: B) Mars",
        "Answer: B. Mars is red.",
        "**Answer: B**",
        "The correct answer is **(B)**.",
        "The answer is option B.",
        "The best option is (B), since it is red.",
        "The answer is $\\boxed{B}$.",
        "\\boxed{\\text{B}}",
        "$\\boxed{\\textbf{(B)}\\ Mars}$",
        "<think>A? No.</think><answer>B</answer>",
        "<answer>(B) Mars</answer>",
        "<answer>Mars</answer>",
        "The answer is Mars.",
        "It is red, so the answer must be Mars.",
        "Mars",
        "Ответ: B",
        "La respuesta correcta es B",
        "答案是B",
        "答案：B",
        "I considered (A) first.\nBut the red one is (B).",
        "The closest match is:\n\n(B) Mars\n\nIt is red.\nIt is small.\nIt is dusty.\nIt is near.",
        "Answer: A\nNo, that was wrong.\nAnswer: B",
        "B is correct.",
    ],
)
def test_the_right_option_however_written(response: str):
    assert grade(task(), response) == ("B", True)


@pytest.mark.parametrize(
    "response",
    [
        None,
        "",
        "  \n",
        "I do not know.",
        "None of the options is right.",
        "Neither option (A) nor option (B) is right.",
        "Both (A) and (B) could be right.",
        "<think>It is B, the answer is B",
        "A planet is a body that orbits a star.",
        "Answer: K",
    ],
)
def test_no_option_stated(response: str | None):
    assert grade(task(), response) == (None, False)


def test_the_longer_of_two_options_one_inside_the_other():
    assert grade(task("C"), "The answer is Venus and Mars.") == ("C", True)
    assert grade(task(), "The answer is Venus and Mars.") == ("C", False)


def test_an_article_is_not_the_option_a():
    assert grade(task("D"), "The answer is A giant called Jupiter.") == ("D", True)


def test_a_number_is_not_found_inside_another():
    numbers = task("A", ("5", "15", "1.5"))
    assert grade(numbers, "The answer is 15.") == ("B", False)
    assert grade(numbers, "The answer is 1.5.") == ("C", False)


def test_options_listed_in_the_question_can_be_answered_by_text():
    question = "Which planet is red?\nOptions:\n(A) Venus\n(B) Mars"
    assert listed_options(question) == ("Venus", "Mars")
    assert grade(task(choices=(), question=question), "So the answer is Mars.") == ("B", True)


def test_letters_up_to_r_without_choices():
    assert grade(task("Q", ()), "So the answer is (Q).") == ("Q", True)


@pytest.mark.parametrize(("gold", "letter"), [("B", "B"), ("(B)", "B"), ("b.", "B"), ("Mars", "B"), ("Pluto", None)])
def test_letter_of_a_gold_answer(gold: str, letter: str | None):
    assert letter_of(gold, PLANETS) == letter


def test_a_long_text_cut_off_before_an_answer_states_none():
    text = "Consider (A), which is hot. " * 30 + "Now consider (B), which"
    assert grade(task("B"), text)[0] is None


def test_answers_to_several_unnumbered_questions_count_only_if_first_and_last_agree():
    shot = "Q: which?\nA: So the answer is ({}).\n\n"
    assert grade(task(), "".join(shot.format(letter) for letter in "BAB")) == ("B", True)
    assert grade(task(), "".join(shot.format(letter) for letter in "CAB")) == (None, False)

"""Where a response states its answer: tags, boxes, phrases, thinking, cut-off text."""

import pytest

from mlpo_core.grading.extract import LIMIT, answers_several, is_cut_off, statements, visible


def first(response: str) -> str:
    return statements(response)[0].text


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ("<think>a</think> b", " b"),
        ("thought opened by the template</think> b", " b"),
        ("a <think>never closed", "a"),
        ("<think>only thought", ""),
        ("<think>a</think>", ""),
        ("<think>a</think> b </think>", " b"),
        ("<think>quoting </think><answer>B</answer> of an agent</think><answer>A</answer>", "<answer>A</answer>"),
    ],
)
def test_visible_is_what_stands_outside_the_thinking(response: str, said: str):
    assert visible(response) == said


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("<answer>7</answer>", "7"),
        ("<answer>7</answer> or rather <answer>8</answer>", "8"),
        ("<answer>7", "7"),
        ("<answer>7</answer><answer>", "7"),
        ("<ANSWER> 7 </ANSWER>", "7"),
        ("The answer is 5. <answer>6</answer> The answer is 9.", "6"),
        ("<answer>The answer is 5</answer>", "5"),
        (r"\boxed{1} and then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{1}, \boxed{2} and $\boxed{3}$", "1, 2, 3"),
        (r"\boxed{1} but cut off \boxed{2", "1"),
        (r"\boxed 7", "7"),
        ("So the answer is (B).", "(B)."),
        ("The answer is 3.\nWait, no. The answer is 4.", "4."),
        ("**Answer:** 12", "12"),
        ("**Final answer**: 12", "12"),
        ("### Answer\nThe final answer is:\n\n\\[ x + 1 \\]", "x + 1"),
        ("Ответ: 12", "12"),
        ("La respuesta es 12", "12"),
        ("Die Antwort ist: 12", "12"),
        ("La réponse est 12", "12"),
        ("因此答案是 12", "12"),
        ("正解は 12", "12"),
        ("정답은 12", "12"),
        ("الإجابة هي 12", "12"),
    ],
)
def test_the_last_statement_counts(response: str, text: str):
    assert first(response) == text


def test_a_question_the_model_made_up_after_its_answer_is_not_read():
    assert first("Let's think. So the answer is (B).\n\nQ: And now?\nA: So the answer is (C).") == "(B)."


def test_several_questions_are_recognised_unless_numbered():
    listed = "Q: one?\nSo the answer is (A).\n\nQ: two?\nSo the answer is (B)."
    assert answers_several(listed)
    assert not answers_several(listed.replace("Q: one", "Question 1: one").replace("Q: two", "Question 2: two"))
    assert answers_several("Here they are:\n1. (A) red\n2. (C) blue\n3. (B) green")
    assert not answers_several(listed + "<answer>B</answer>")


def test_text_is_cut_off_when_it_is_long_and_ends_in_mid_sentence():
    long = "We look at the first case, and then at the second one. " * 10
    assert is_cut_off(long + "From this it follows that the")
    for end in ("It follows.", "So it is (B)", "Answer: C", "**C**", "x = 12"):
        assert not is_cut_off(f"{long}\n{end}")
    assert not is_cut_off("short")


def test_only_the_end_of_a_huge_response_is_read():
    assert first("The answer is 1. " + "x" * LIMIT).endswith("xxx")

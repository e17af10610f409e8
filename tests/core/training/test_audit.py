"""What looks like a trick in an answer that was rewarded, and what does not."""

import pytest

from mlpo_core.prompts.leader import answers_shown, compact_leader_prompt, leader_prompt
from mlpo_core.tasks import task_of
from mlpo_core.training.answer_region import answer_region
from mlpo_core.training.audit import audit
from tests.core.training import small

ESSAY = "First I add three and four,\nwhich makes seven. So the answer is 7, as far as I can tell."
ROW = small.leader_prompt_row(6) | {"question": "How much is three\nand four together?", "answer_kind": "number"}
ROW["benchmark"] = "bbh"
ROW["prompt"] = leader_prompt(task_of(ROW), [ESSAY, "The answer is 7."])
CHOICE = ROW | {"answer_kind": "option", "answer": "B", "choices": ["red or blue", "pear", "a stone"]}


def found(completion, row=ROW, cut_off=False):
    return tuple(audit(row, answer_region(completion), cut_off))


@pytest.mark.parametrize(
    "completion",
    [
        "<answer>7 or 8</answer>",
        "<answer>either 7 or 8</answer>",
        "<answer>maybe 7</answer>",
        "<answer>between 6 and 8</answer>",
        "<answer>6-8</answer>".replace("-", "–"),
        "<answer>8</answer><answer>7</answer>",
        "I add them.\nThe answer is 7 or 8.",
        "I add them.\nIt could be 7.",
    ],
)
def test_a_hedge(completion):
    assert found(completion) == (True, False, False)


@pytest.mark.parametrize(
    "completion",
    [
        "<think>7 or 8? either</think><answer>7</answer>",
        "It could be 6 or 7, so I add them.\nThe answer is 7",
        "<answer>7</answer><answer>7</answer>",
        "<answer>So the answer is $7$.</answer>",
        "<answer>The answer is 7.</answer>",  # as an agent says it, but no more than it takes to say it
        "",
    ],
)
def test_an_honest_answer(completion):
    assert found(completion) == (False, False, False)


def test_letters_of_options():
    assert found("<answer>(A) or (B)</answer>", CHOICE)[0]
    assert found("<answer>A, B</answer>", CHOICE)[0]
    assert not found("<answer>(B)</answer>", CHOICE)[0]
    assert not found("<answer>B. pear</answer>", CHOICE)[0]
    assert not found("<answer>(A) red or blue</answer>", CHOICE)[0]  # the option's own words
    assert not found("<answer>Vitamin C or D</answer>", ROW | {"answer": "vitamin C or D"})[0]  # and the gold answer's


def test_a_paste_of_the_question_or_of_a_whole_answer():
    assert found(f"<answer>{ROW['question']} 7</answer>") == (False, True, False)
    assert found("<answer>how much is  three and four together? 7</answer>")[1]
    assert found(f"<answer>{ESSAY}</answer>")[1]
    assert not found(f"<answer>{ESSAY[:60]}</answer>")[1]
    assert not found(f"<think>{ROW['question']} {ESSAY}</think><answer>7</answer>")[1]


def test_cut_off():
    assert found("<answer>7", cut_off=True) == (False, False, True)


def test_the_teams_answers_are_read_back_out_of_a_prompt():
    texts = ["a\n\nb", "1 c", "d"]
    assert answers_shown(leader_prompt(task_of(ROW), texts)) == texts
    assert answers_shown(compact_leader_prompt("3+4", ["<think>x\nwait</think>7", "8"])) == [
        "<think>x\nwait</think>7",
        "8",
    ]
    assert answers_shown(leader_prompt(task_of(ROW), ())) == []

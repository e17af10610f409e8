from dataclasses import replace

import pytest

from mlpo_core.prompts import chat
from mlpo_core.tasks import task_of
from mlpo_core.training import rewards
from mlpo_core.training.rewards import Reward
from mlpo_core.training.terms import Terms
from tests.core.prompts.thinking import thinking_tokenizer
from tests.core.training import small

ROW = small.leader_prompt_row(3)
RIGHT = "<think>3+1=4</think><answer>4</answer>"


def score(*completions: str, row=ROW, **options) -> list[float | None]:
    reward = Reward(Terms(1.0, 0.1), needs_workers=False, **options)
    return reward([None] * len(completions), chats(completions), **columns(row, len(completions)))


def chats(completions):
    return [[{"role": "assistant", "content": c}] for c in completions]


def columns(row, count):
    return {name: [value] * count for name, value in row.items() if name != "prompt"}


def test_format_counts_only_beside_a_correct_answer():
    right, bare, wrong, silent = score(RIGHT, "<answer>4</answer>", "<think>no</think><answer>5</answer>", "")
    assert (right, bare, wrong, silent) == (1.1, 1.0, 0.0, 0.0)


def test_an_answer_outside_its_tag_is_worth_half():
    assert score("4", "<think>3+1</think>The answer is 4.", "The answer is 5.") == [0.5, 0.5, 0.0]


def test_what_is_only_thought_earns_nothing():
    thoughts = ["<think>The answer is 4.", "<think><answer>4</answer></think>", "<think>a</think>It is 4.</think>"]
    assert score(*thoughts, "<think>4</think><answer>5</answer>") == [0.0] * 4


def test_the_tag_counts_and_nothing_around_it():
    assert score("<answer>5</answer> The answer is 4.", "The answer is \\boxed{4}. <answer>5</answer>") == [0.0, 0.0]


def test_an_all_wrong_group_has_no_spread_whatever_its_format():
    assert set(score("<think>a</think><answer>5</answer>", "5", "<answer>5</answer>", "")) == {0.0}


def test_shares_are_logged():
    seen: dict[str, float] = {}
    Reward(Terms(1.0, 0.0), False)([None] * 2, [RIGHT, "<answer>5</answer>"], seen.__setitem__, **columns(ROW, 2))
    assert seen == {"correct": 0.5, "well_formed": 0.5}


def test_mathematics_is_graded_in_workers(monkeypatch):
    row = ROW | {"answer_kind": "math", "answer": "\\frac{1}{2}", "benchmark": "math"}
    monkeypatch.setattr(rewards, "grade", None)
    with Reward(Terms(1.0, 0.1), needs_workers=True) as reward:
        found = reward.judge([row, row], ["<answer>0.5</answer>", "<answer>2</answer>"], [False, False])
    assert [j.correct for j in found] == [True, False]


@pytest.mark.parametrize(("truncated", "cut"), [("keep", 1.1), ("mask", 1.1), ("penalise", 0.0)])
def test_only_penalise_takes_the_reward_from_what_was_cut_off(truncated, cut):
    reward = Reward(Terms(1.0, 0.1), False, truncated=truncated, ends=(2, 0))
    ids = [[7, 7, 2], [7, 7, 7], [7, 0]]
    found = reward([None] * 3, chats([RIGHT] * 3), completion_ids=ids, **columns(ROW, 3))
    assert found == [1.1, cut, 1.1]


def test_the_opened_think_of_a_template_is_put_back_before_the_format_is_judged():
    opening = chat.opening(thinking_tokenizer())
    written = RIGHT.removeprefix("<think>")
    assert score(written, "The answer is 4, I think", RIGHT, opening=opening) == [1.1, 0.0, 1.1]
    assert score(written) == [1.0]  # under a template that opens nothing


ASKED = [
    ("math", "math", "Evaluate $\\log_2 1024 + \\frac{1}{2}$.", "\\frac{21}{2}", []),
    ("math", "math", "Expand the product $(x+1)^2 \\cdot x$.", "x^3+2x^2+x", []),
    ("math", "number", "A box holds 12 pens. How many pens does it hold if 0 leave? It held 12 before", "12", []),
    ("bbh", "option", "Which is a fruit?\nOptions:\n(A) a stone\n(B) a pear", "B", []),
    ("mmlu", "option", "Which of these is a fruit?", "B", ["a stone", "a pear"]),
]


def test_training_gives_the_verdict_of_the_benchmark_and_pasting_the_question_earns_nothing():
    rows, texts, rewarded = [], [], []
    for benchmark, kind, question, answer, choices in ASKED:
        task = {"benchmark": benchmark, "answer_kind": kind, "question": question, "answer": answer, "choices": choices}
        pasted = [question, f"<answer>{question}</answer>", f"\\boxed{{{question}}}", f"{question} {' '.join(choices)}"]
        texts += [*pasted, f"<think>a</think><answer>{answer}</answer>", "It is 3."]
        rows += [ROW | task] * 6
        rewarded += [0.0] * 4 + [1.1, 0.0]
    formula = f"<answer>{ASKED[1][2].split('$')[1]}</answer>"
    tasks = [task_of(row) for row in rows]
    with Reward(Terms(1.0, 0.1), needs_workers=True) as reward:
        found = reward.judge(rows, texts, [False] * len(rows))
        benchmark = reward._grader.grade_many([*zip(tasks, texts, strict=True)])
        [told, untold] = reward._grader.grade_many([(tasks[6], formula), (replace(tasks[6], question=""), formula)])
    assert [j.correct for j in found] == [verdict.correct for verdict in benchmark]
    assert [j.reward for j in found] == rewarded
    assert untold.correct and not told.correct  # why a prompt row carries the question

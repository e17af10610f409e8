"""Predictions that cannot be compared are refused, and the message names the rows."""

import pytest

from mlpo_core.benchmark.outcomes import Way, read_outcomes
from mlpo_core.errors import BadInput
from tests.core.benchmark import synthetic


def read(tmp_path, change=lambda asset, rows: rows, seeds=(1,)):
    ctx = synthetic.build(tmp_path, tests=20, seeds=seeds, change=change)
    return read_outcomes(ctx.inputs["tasks"], ctx.inputs["benchmark_predictions"])


def edited(edit):
    return lambda asset, rows: edit(rows) if asset == "benchmark_predictions" else rows


def test_every_answer_lands_at_its_task(tmp_path):
    rows = []
    outcomes = read(tmp_path, edited(lambda r: rows.extend(r) or list(reversed(r))), seeds=(1, 2))
    assert outcomes.seeds == [1, 2]
    for row in rows:
        answers = outcomes.answers[Way(row["method"], row["rounds"])]
        at = outcomes.seeds.index(row["seed"]), outcomes.task_ids.index(row["task_id"])
        assert answers.correct[at] == row["correct"]
        assert answers.shown[at] == row["n_correct_shown"]
    vote = outcomes.answers[Way("majority_vote@3", 0)]
    assert (vote.count, vote.mean_cost("generations"), vote.mean_cost("prompt_tokens")) == (40, 3, 60)


def test_a_missing_row_is_named(tmp_path):
    def drop(rows):
        return [r for r in rows if (r["method"], r["task_id"]) != ("best_of_team", "task0045")]

    with pytest.raises(BadInput, match="not answered: best_of_team seed 1 task task0045"):
        read(tmp_path, edited(drop))


def test_a_duplicate_row_is_named(tmp_path):
    with pytest.raises(BadInput, match="answered more than once: any_correct seed 1 task task0041"):
        read(
            tmp_path,
            edited(lambda rows: [*rows, *(r for r in rows if r["prediction_id"] == "task0041-any_correct-1-0")]),
        )


def test_a_method_on_another_task_set_is_named(tmp_path):
    def move(rows):
        return [{**r, "task_id": "task0001"} if r["prediction_id"] == "task0041-any_correct-1-0" else r for r in rows]

    with pytest.raises(BadInput, match="not in the test split of this experiment: any_correct seed 1 task task0001"):
        read(tmp_path, edited(move))


def test_different_seeds_are_named(tmp_path):
    def drop(rows):
        return [r for r in rows if (r["method"], r["seed"]) != ("any_correct", 2)]

    with pytest.raises(BadInput, match="any_correct lacks seed 2"):
        read(tmp_path, edited(drop), seeds=(1, 2))


def test_mixed_graders_are_named(tmp_path):
    def regrade(rows):
        return [
            {**r, "extracted": "1", "correct": False} if r["prediction_id"] == "task0041-any_correct-1-0" else r
            for r in rows
        ]

    with pytest.raises(BadInput, match="graded differently, 1 answers in all: '1' to task task0041 is right in"):
        read(tmp_path, edited(regrade))


def test_no_row_at_all(tmp_path):
    with pytest.raises(BadInput, match=r"no row.*benchmark\.methods"):
        read(tmp_path, edited(lambda rows: []))


def test_costs_that_were_not_recorded_are_not_averaged(tmp_path):
    def forget(rows):
        return [{**r, "prompt_tokens": None} if r["prediction_id"] == "task0041-any_correct-1-0" else r for r in rows]

    outcomes = read(tmp_path, edited(forget))
    assert outcomes.answers[Way("any_correct", 0)].mean_cost("prompt_tokens") is None
    assert outcomes.answers[Way("any_correct", 0)].mean_cost("completion_tokens") == 10

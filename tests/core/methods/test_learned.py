"""Learned votes: they find whom to trust, know nothing of the test, and say what they chose."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.errors import BadInput
from mlpo_core.methods.candidates import candidates, joined
from mlpo_core.methods.learned import accuracy, winners
from mlpo_core.methods.weighted_vote import WeightedVote
from mlpo_core.types import Task
from tests import mini_chain as mini

LEARNED = ["weighted_vote", "shallow_aggregator"]


def expert(t, a):
    """Alpha knows `sum`, beta knows `sort`; the other two agree on one wrong answer."""
    return t["answer"] if a == {"sum": "alpha", "sort": "beta"}[t["subject"]] else "-1"


def answered(task, agent, answer, thought="thinks."):
    return mini.proposal(task, agent, 0, answer) | {"response": f"{thought}<answer>{answer}</answer>"}


def run(folder, rule, key="k", wrong_gold=False, splits=("train",) * 120 + ("dev",) * 60):
    """Predictions of the learned votes and of the vote; a rule gives a proposal."""
    store = mini.store(folder / key)
    subjects = ("sum", "sort")
    past = [mini.task(1000 + n, split, subjects[n % 2], f"past {n}") for n, split in enumerate(splits)]
    tests = [mini.task(n, "test", subjects[n % 2], f"test {n}") for n in range(40)]
    proposed = [rule(t, a) for t in tests for a in mini.AGENTS]
    if wrong_gold:
        proposed = [{**row, "correct": not row["correct"]} for row in proposed]
    inputs = {
        "tasks": mini.put(store, "tasks", [*past, *tests]),
        "agent_proposals": mini.put(store, "agent_proposals", [rule(t, a) for t in past for a in mini.AGENTS]),
        "benchmark_proposals": mini.put(store, "benchmark_proposals", proposed),
    }
    config = mini.experiment(leader=None, benchmark={"methods": [*LEARNED, "majority_vote"], "votes": [3]})
    ctx = mini.context(store, "benchmark_predictions", config, inputs, key)
    return mini.commit(ctx, predictions.run(ctx))


def share(data, method):
    return np.mean([row["correct"] for row in data.rows() if row["method"] == method])


def learned(data, method):
    return json.loads(data.read_file(f"learned/{method}.json"))


def test_who_knows_a_subject_is_believed_against_the_majority(tmp_path):
    data = run(tmp_path, lambda t, a: answered(t, a, expert(t, a)))
    assert share(data, "majority_vote@3") == 0
    for method in LEARNED:
        assert share(data, method) == 1, method
    row = next(row for row in data.rows() if row["method"] == "weighted_vote")
    assert (row["generations"], row["prompt_tokens"], row["n_correct_shown"], row["tie"]) == (3, 30, 1, False)
    assert len(row["source_ids"]) == 3
    stats = data.manifest.stats["learned_votes"]
    assert stats["weighted_vote"]["dev accuracy"] == 1 and stats["weighted_vote"]["fitted on"] == 120
    rates = learned(data, "weighted_vote")["parameters"]["error_rates"]
    assert rates["procedural/sum"][0] < 0.2 < 0.8 < rates["procedural/sort"][0]


def test_what_a_response_looks_like_is_read_by_the_aggregator_alone(tmp_path):
    """Whoever thinks at length is right, and who that is changes from task to task."""

    def rule(t, a):
        right = mini.AGENTS[int(t["answer"]) % 3] == a
        return answered(t, a, t["answer"] if right else f"-{a}", "step by step, " * (40 if right else 2))

    data = run(tmp_path, rule)
    assert share(data, "shallow_aggregator") == 1
    assert share(data, "weighted_vote") < 0.5
    found = learned(data, "shallow_aggregator")
    assert "texts" in found["choice"]["features"] and len(found["dev"]) > 10 and found["chosen_on"] == 60


def test_nothing_of_the_test_enters_the_fit_and_a_fit_is_the_same_twice(tmp_path):
    def rule(t, a):
        return answered(t, a, t["answer"] if (int(t["answer"]) * 7 + len(a)) % 3 else "-1")

    first, again, other = (run(tmp_path, rule, key, key == "other") for key in ("first", "again", "other"))
    assert share(first, "weighted_vote") != share(other, "weighted_vote")
    for method in LEARNED:
        assert learned(first, method) == learned(again, method) == learned(other, method)


def test_without_dev_tasks_the_first_variant_stands_and_without_train_tasks_it_is_refused(tmp_path):
    def rule(t, a):
        return answered(t, a, expert(t, a))

    data = run(tmp_path, rule, splits=("train",) * 60)
    assert learned(data, "weighted_vote")["choice"] == {"pseudo_count": 20, "answers": "options"}
    with pytest.raises(BadInput, match=r"weighted_vote is fitted on train tasks.*tasks\.\*\.train"):
        run(tmp_path, rule, "bare", splits=("dev",) * 10)


def test_silence_is_no_candidate(tmp_path):
    data = run(tmp_path, lambda t, a: mini.proposal(t, a, 0, t["answer"] if a == "gamma" else None))
    assert all(share(data, method) == 1 for method in LEARNED)
    data = run(tmp_path, lambda t, a: mini.proposal(t, a, 0, None), "silent")
    rows = [row for row in data.rows() if row["method"] in LEARNED]
    assert len(rows) == 80 and all(row["extracted"] is None and not row["correct"] for row in rows)


def elections():
    """Two tasks of four options: two agents against one, and a tie of two."""
    tasks = [Task(f"t{i}", "mmlu", "law", "train", "q", ("w", "x", "y", "z"), "A", "option") for i in range(2)]
    codes = np.array([[4, 2, 4], [1, 7, -1]])
    flags = np.zeros((2, 3), bool)
    return candidates(tasks, codes, codes == 4, np.ones((2, 3)), flags)


def test_candidates_by_hand():
    there = elections()
    assert there.election.tolist() == [0, 0, 1, 1] and there.code.tolist() == [2, 4, 1, 7]
    assert there.first.tolist() == [1, 0, 0, 1] and there.right.tolist() == [False, True, False, False]
    assert there.votes.tolist() == [
        [False, True, False],
        [True, False, True],
        [True, False, False],
        [False, True, False],
    ]
    assert winners(there, there.votes.sum(axis=1)) == {0: [1], 1: [2, 3]}
    assert accuracy(there, there.votes.sum(axis=1)) == 0.5
    both = joined([there, there], 3)
    assert (
        both.election.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and len(both.tasks) == 4 and both.rivals.tolist() == [2] * 8
    )


def test_the_weights_are_those_of_the_formula(tmp_path):
    """One agent that is wrong in one of four votes, by hand: rates smoothed, then the log odds times m - 1."""
    data = run(tmp_path, lambda t, a: answered(t, a, t["answer"] if int(t["answer"]) % 4 else f"-{a}"))
    rates = learned(data, "weighted_vote")["parameters"]["error_rates"]
    assert rates[""] == [round((30 + 2 * 0.5) / 122, 4)] * 3
    there = elections()
    vote = WeightedVote().fit(SimpleNamespace(train=there, dev=there))
    error = (np.array([1, 2, 0]) + 1) / (np.array([2, 2, 1]) + 2)
    law = (np.array([1, 2, 0]) + 20 * error) / (np.array([2, 2, 1]) + 20)
    weights = np.log((1 - law) * 3 / law)
    assert vote.score(there).tolist() == pytest.approx([weights[1], weights[0] + weights[2], weights[0], weights[1]])
    assert vote.learned["choice"] == {"pseudo_count": 20, "answers": "options"}

"""The figures of the tables, on answers small enough to count by hand."""

import numpy as np
import pytest

from mlpo_core.benchmark.accuracy import ONE_SEED, accuracy, subjects
from mlpo_core.benchmark.by_team import by_team
from mlpo_core.benchmark.comparisons import Pair, comparisons, pairs, reference
from mlpo_core.benchmark.costs import answer_costs, pareto, training_costs
from mlpo_core.benchmark.metric import Metric, as_table, from_table
from mlpo_core.benchmark.outcomes import COSTS, Answers, Outcomes, Way
from mlpo_core.benchmark.statistics import wilson
from mlpo_core.store import Dataset, Origin
from tests import mini_chain as mini

VOTE, LEADER = Way("majority_vote@3", 0), Way("mlpo_leader/team", 1)


def answers(correct, shown=None, tie=None, tokens=30):
    correct = np.atleast_2d(np.array(correct, dtype=bool))
    n = correct.size
    costs = {**dict.fromkeys(COSTS, 0.0), "prompt_tokens": float(tokens * n), "amortised_s": 0.5 * n}
    return Answers(
        correct=correct,
        shown=np.full(correct.shape, -1) if shown is None else np.atleast_2d(shown),
        tie=np.zeros(correct.shape, dtype=bool) if tie is None else np.atleast_2d(np.array(tie, dtype=bool)),
        empty=np.zeros(correct.shape, dtype=bool),
        costs=costs,
        recorded=dict.fromkeys(costs, n),
    )


def outcomes(ways, benchmarks=None, subjects=None, seeds=(1,)):
    n = next(iter(ways.values())).correct.shape[1]
    return Outcomes(
        [f"t{i}" for i in range(n)],
        np.array(benchmarks or ["math"] * n, dtype=object),
        np.array(subjects or ["algebra"] * n, dtype=object),
        list(seeds),
        ways,
    )


def pick(metrics, **wanted):
    found = [m for m in metrics if all(getattr(m, k) == v for k, v in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def test_accuracy_per_benchmark():
    metrics = list(accuracy(outcomes({LEADER: answers([1, 1, 0, 1])}, ["bbh", "bbh", "math", "math"])))
    found = pick(metrics, benchmark="math", metric="accuracy")
    assert (found.value, found.interval, found.n, found.group) == (0.5, wilson(1, 2), 2, "T=1")
    assert pick(metrics, benchmark="all", metric="accuracy").value == 0.75


def test_one_seed_has_no_seed_interval_and_says_so():
    found = pick(accuracy(outcomes({VOTE: answers([1, 0])})), benchmark="all", metric="accuracy_over_seeds")
    assert (found.interval, found.note) == (None, ONE_SEED)


def test_several_seeds_are_not_several_times_the_tasks():
    metrics = list(accuracy(outcomes({VOTE: answers([[1, 0, 1, 1], [1, 0, 0, 0]])}, seeds=(1, 2))))
    found = pick(metrics, benchmark="all", metric="accuracy")
    assert (found.value, found.interval, found.n) == (0.5, wilson(2, 4), 4)
    seeds = pick(metrics, benchmark="all", metric="accuracy_over_seeds")
    # 0.75 and 0.25: t(1) = 12.706 times 0.25, cut at 0 and 1
    assert (seeds.interval, seeds.n) == ((0.0, 1.0), 2)


def test_bbh_is_averaged_over_its_tasks_alike():
    found = list(subjects(outcomes({VOTE: answers([1, 1, 1, 0])}, ["bbh"] * 4, ["a", "a", "a", "b"])))
    macro = pick(found, table="macro")
    assert (macro.value, macro.n) == (0.5, 2)  # not 0.75
    assert "2 of 27 subjects" in macro.note
    assert macro.interval is None
    assert pick(found, table="subject", group="a").value == 1.0


def test_a_benchmark_without_such_a_definition_has_no_macro_average():
    assert not [m for m in subjects(outcomes({VOTE: answers([1, 0])})) if m.table == "macro"]


def test_by_team_counts():
    right = [0, 0, 1, 1, 2, 3]
    ways = {
        VOTE: answers([0, 0, 0, 0, 1, 1], right, tie=[0, 1, 0, 1, 0, 0]),
        LEADER: answers([1, 0, 1, 0, 1, 1], right),
        Way("single:a", 0): answers([0, 0, 1, 0, 0, 1]),
    }
    metrics = list(by_team(outcomes(ways), 3))
    leader = {"method": "mlpo_leader/team"}
    assert [pick(metrics, table="right_agents", group=f"{i} | T=1", **leader).value for i in range(4)] == [
        0.5,
        0.5,
        1,
        1,
    ]
    # a wrong majority: the vote is wrong and was no tie, tasks 0 and 2
    override = pick(metrics, metric="override", **leader)
    assert (override.value, override.n) == (1.0, 2)
    assert pick(metrics, metric="override", method="single:a").value == 0.5
    kept = pick(metrics, metric="right_majority_kept", **leader)
    assert (kept.value, kept.n) == (1.0, 2)
    assert pick(metrics, metric="synthesis", **leader).value == 0.5
    assert pick(metrics, metric="selection", **leader).n == 2
    assert not [m for m in metrics if m.table == "shown" and m.method == "single:a"]


def test_an_empty_split_is_a_note_and_not_a_nan():
    metrics = list(by_team(outcomes({VOTE: answers([1, 1], [3, 3])}), 3))
    found = pick(metrics, table="right_agents", group="0")
    assert (found.value, found.note) == (None, "no such task")
    as_table(metrics)


def test_without_a_vote_the_table_says_so():
    metrics = list(by_team(outcomes({Way("single:a", 0): answers([1, 0])}), 3))
    assert pick(metrics, table="wrong_majority").note == "majority_vote@3 was not run"


def test_comparison_by_hand():
    first = answers([1] * 10 + [0] * 2 + [1] * 8)
    second = answers([0] * 10 + [1] * 2 + [1] * 8)
    data = outcomes({LEADER: first, VOTE: second})
    metrics = list(comparisons(data, [Pair(LEADER, VOTE)]))
    everything = {"benchmark": "all"}
    assert pick(metrics, metric="difference", **everything).value == pytest.approx(8 / 20)
    assert pick(metrics, metric="gained", **everything).value == 10
    assert pick(metrics, metric="p_mcnemar", **everything).value == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert pick(metrics, metric="difference", **everything).note == "better"


def test_holm_counts_all_comparisons_of_a_table():
    first, second = answers([1] * 10 + [0] * 2), answers([0] * 10 + [1] * 2)
    others = {Way(f"single:{i}", 0): second for i in range(3)}
    metrics = list(comparisons(outcomes({LEADER: first, **others}), [Pair(LEADER, w) for w in others]))
    found = [m for m in metrics if m.metric == "p_holm" and m.benchmark == "all"]
    assert [m.value for m in found] == pytest.approx([3 * 2 * 79 / 2**12] * 3)
    assert {m.note for m in metrics if m.metric == "difference"} == {"no significant difference"}


def test_several_seeds_have_no_mcnemar():
    data = outcomes({LEADER: answers([[1, 1], [1, 0]]), VOTE: answers([[0, 1], [1, 0]])}, seeds=(1, 2))
    found = pick(comparisons(data, [Pair(LEADER, VOTE)]), metric="p_mcnemar", benchmark="all")
    assert (found.value, found.note) == (None, "several seeds: rows are not independent")


def test_default_pairs_compare_equal_rounds_and_leave_oracles_out():
    same = answers([1, 0])
    ways = [
        Way("any_correct", 0),
        VOTE,
        *(Way(m, t) for m in ("sft_leader/team", "mlpo_leader/team") for t in (1, 2, 5)),
    ]
    data = outcomes(dict.fromkeys(ways, same))
    assert reference(data) == "mlpo_leader/team"
    found, untested = pairs(data, ())
    assert untested == []
    assert {(p.way.rounds, str(p.against)) for p in found} == {
        (1, "majority_vote@3"),
        (5, "majority_vote@3"),
        (1, "sft_leader/team T=1"),
        (5, "sft_leader/team T=5"),
        (5, "mlpo_leader/team T=1"),
    }


def test_without_a_leader_the_largest_vote_is_the_reference_whatever_its_result():
    ways = {Way("single:a", 0): answers([1, 1]), VOTE: answers([1, 1]), Way("majority_vote@12", 0): answers([0, 0])}
    assert reference(outcomes(ways)) == "majority_vote@12"


def test_claims_name_methods_or_rounds_and_say_what_was_not_run():
    data = outcomes(dict.fromkeys([VOTE, Way("mlpo_leader/team", 1), Way("mlpo_leader/team", 5)], answers([1, 0])))
    claims = [("mlpo_leader/team T=1", "majority_vote@3"), ("mlpo_leader/team", "grpo_leader/solo")]
    found, untested = pairs(data, claims)
    assert found == [Pair(LEADER, VOTE)]
    assert untested == [("mlpo_leader/team", "grpo_leader/solo")]
    notes = [m.note for m in comparisons(data, found, untested) if m.versus == "grpo_leader/solo"]
    assert notes == ["not tested: a method was not run"]


def test_votes_have_the_accuracy_that_is_expected_over_draws():
    lucky = answers([1, 1, 1, 0], tie=[0, 1, 1, 1])
    lucky.chance = np.array([[1.0, 0.5, 0.25, 0.25]])
    data = outcomes({VOTE: lucky, LEADER: answers([1, 0, 1, 0])}, benchmarks=["math", "math", "bbh", "bbh"])
    metrics = list(accuracy(data))
    assert pick(metrics, metric="expected_accuracy", benchmark="all").value == 0.5
    assert pick(metrics, metric="expected_accuracy", benchmark="math").value == 0.75
    assert pick(metrics, metric="accuracy", benchmark="all", method=VOTE.method).value == 0.75
    assert not [m for m in metrics if m.metric == "expected_accuracy" and m.method == LEADER.method]


def test_pareto_front_by_hand():
    a, b, c, d = (Way(name, 0) for name in "abcd")
    assert pareto({a: (10, 0.5), b: (20, 0.4), c: (20, 0.7), d: (30, 0.7)}) == {a, c}


def test_unrecorded_costs_are_notes():
    spent = answers([1, 0])
    spent.recorded["completion_tokens"] = 1
    metrics = list(answer_costs(outcomes({VOTE: spent})))
    assert pick(metrics, metric="tokens").note == "not recorded"
    assert pick(metrics, metric="prompt_tokens").value == 30
    assert pick(metrics, metric="amortised_s").seconds == 0.5
    assert pick(metrics, metric="on_front").value == 0.0


def test_training_costs_keep_rollouts_and_updates_apart(tmp_path):
    store = mini.store(tmp_path)

    def logged(asset: str, **metrics: list[float]) -> Dataset:
        rows = [
            {"step": step, "metric": name, "value": value}
            for name, values in metrics.items()
            for step, value in enumerate(values, start=1)
        ]
        return mini.put(store, asset, rows)

    logs = {
        "sft_leader": logged("sft_leader", num_tokens=[10.0, 25.0], seconds=[1.0, 2.0], processes=[4.0, 2.0]),
        "mlpo_leader": logged("mlpo_leader", num_tokens=[100.0, 300.0], update_tokens=[40.0, 2.0], seconds=[3.0, 4.0]),
        "grpo_leader": logged("grpo_leader", num_tokens=[100.0], seconds=[3.0]),
    }
    metrics = list(training_costs(logs))
    names = ("steps", "rollout_tokens", "update_tokens", "tokens")
    found = {a: [pick(metrics, method=a, metric=n).value for n in names] for a in logs}
    assert found == {
        "sft_leader": [2, 0, 25, 25],
        "mlpo_leader": [2, 300, 42, 342],
        "grpo_leader": [1, 100, None, None],
    }
    assert pick(metrics, method="mlpo_leader", metric="seconds").seconds == 7
    assert pick(metrics, method="sft_leader", metric="device_seconds").seconds == 1 * 4 + 2 * 2  # went on with fewer
    assert pick(metrics, method="grpo_leader", metric="device_seconds").note == "not logged"
    assert pick(metrics, method="grpo_leader", metric="update_tokens").note == "not logged"


def test_a_leader_has_gone_through_the_trainings_before_its_own(tmp_path):
    store = mini.store(tmp_path)

    def logged(asset: str, tokens: float, *earlier: Dataset) -> Dataset:
        names = {"num_tokens": tokens, "update_tokens": 1.0}
        rows = [{"step": 5, "metric": name, "value": value} for name, value in names.items()]
        origin = Origin({}, {d.ref.asset: d.ref.key for d in earlier}, {}, {"code": "1"})
        return mini.put(store, asset, rows, origin=origin)

    sft = logged("sft_leader", 100.0)
    mlpo = logged("mlpo_leader", 20.0, sft)
    last = logged("score_leader", 7.0, sft, mlpo)
    metrics = list(training_costs({d.ref.asset: d for d in (sft, mlpo, last)}))
    names = ("whole_tokens", "whole_steps", "tokens", "steps")
    found = {a: [pick(metrics, method=a, metric=n).value for n in names] for a in ("sft_leader", "score_leader")}
    assert found == {"sft_leader": [100, 5, 100, 5], "score_leader": [129, 15, 8, 5]}
    unknown = pick(list(training_costs({"mlpo_leader": mlpo})), metric="whole_tokens")
    assert (unknown.value, unknown.note) == (None, "not logged")


def test_nan_never_reaches_a_table():
    with pytest.raises(ValueError, match="value of accuracy of m in t is nan"):
        as_table([Metric("t", "all", "m", "accuracy", float("nan"))])


def test_metrics_survive_the_table():
    metrics = [Metric("t", "all", "m", "x", 0.5, 0.1, 0.9, 10, "T=1", "v", "note", 2.0), Metric("t", "all", "m", "y")]
    assert from_table(as_table(metrics)) == metrics

"""Predictions of the voting methods and routers, against figures worked out by hand."""

import tracemalloc
from collections import Counter, defaultdict

import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.errors import BadInput
from tests import mini_chain as mini

READING = ["single", "majority_vote", "best_of_team", "any_correct", "family_router", "select_llm"]


def by_method(data):
    found = defaultdict(dict)
    for row in data.rows():
        found[row["method"], row["seed"]][row["task_id"]] = row
    return found


@pytest.fixture
def make(tmp_path):
    def run(
        key="k",
        samples=2,
        answer=None,
        train_answer=None,
        test=8,
        edit=None,
        methods=READING,
        subjects=("echo",),
        **rest,
    ):
        store = mini.store(tmp_path / key)
        tests = [mini.task(n, "test", subjects[n % len(subjects)]) for n in range(test)]
        past = [
            mini.task(1000 + n, split, subjects[n % len(subjects)], f"{subjects[n % len(subjects)]} of {n}")
            for n, split in enumerate(["train"] * 40 + ["dev"] * 40)
        ]
        answer = answer or (lambda t, a, j: t["answer"])

        def rows(of, rule, n):
            return [mini.proposal(t, a, j, rule(t, a, j)) for a in mini.AGENTS for t in of for j in range(n)]

        proposed = rows(tests, answer, samples)
        inputs = {
            "tasks": mini.put(store, "tasks", [*past, *tests]),
            "agent_proposals": mini.put(store, "agent_proposals", rows(past, train_answer or answer, 2)),
            "benchmark_proposals": mini.put(
                store, "benchmark_proposals", edit(proposed) if edit else proposed, part=997
            ),
        }
        config = mini.experiment(leader=None, benchmark={"methods": methods, **rest})
        ctx = mini.context(store, "benchmark_predictions", config, inputs, key)
        return mini.commit(ctx, predictions.run(ctx))

    return run


def only(agent):
    return lambda t, a, j: t["answer"] if a == agent else f"-{a}"


def test_single_agents_any_correct_and_votes_of_three(make):
    found = by_method(make(answer=only("beta")))
    assert all(r["correct"] for r in found["single:beta", 1].values())
    assert not any(r["correct"] for r in found["single:alpha", 1].values())
    for row in found["any_correct", 1].values():
        assert row["correct"] and row["source_ids"] == [f"{row['task_id']}-beta-0"] and row["n_correct_shown"] == 1
        assert (row["generations"], row["prompt_tokens"], row["completion_tokens"], row["amortised_s"]) == (
            3,
            30,
            15,
            1.5,
        )
    for row in found["majority_vote@3", 1].values():
        assert row["tie"] and row["generations"] == 3 and len(row["source_ids"]) == 3


def test_a_majority_wins_over_the_right_minority_and_abstentions_do_not_count(make):
    def rule(t, a, j):
        return {"alpha": "5", "beta": " 5", "gamma": t["answer"]}[a]

    wrong = by_method(make(answer=rule))["majority_vote@3", 1]["t00001"]
    assert (wrong["extracted"], wrong["correct"], wrong["tie"]) == ("5", False, False)
    found = by_method(make("b", answer=lambda t, a, j: t["answer"] if a == "gamma" else None))
    assert all(r["correct"] and not r["tie"] for r in found["majority_vote@3", 1].values())
    silent = by_method(make("c", answer=lambda t, a, j: None))["majority_vote@3", 1]["t00000"]
    assert silent["extracted"] is None and not silent["correct"]


def test_seeds_take_different_samples(make):
    data = make(samples=2, answer=lambda t, a, j: t["answer"] if j == 1 else "-1", seeds=[7, 8])
    found = by_method(data)
    assert not any(r["correct"] for r in found["single:alpha", 7].values())
    assert all(r["correct"] for r in found["single:alpha", 8].values())
    assert found["majority_vote@3", 8]["t00000"]["source_ids"] == [f"t00000-{a}-1" for a in mini.AGENTS]


def test_a_vote_that_is_no_multiple_of_the_team_draws_who_votes_once_more(make):
    data = make(samples=7, votes=[20], methods=["majority_vote"], test=60)
    extra = Counter()
    for row in data.rows():
        votes = Counter(i.split("-")[1] for i in row["source_ids"])
        assert sorted(votes.values()) == [6, 7, 7] and len(set(row["source_ids"])) == 20
        extra[min(votes, key=votes.__getitem__)] += 1
    assert set(extra) == set(mini.AGENTS) and max(extra.values()) < 40


def test_a_smaller_team_is_its_first_agents_and_the_whole_team_is_the_vote_itself(make):
    def rule(t, a, j):
        return {"alpha": t["answer"], "beta": "-1", "gamma": "-1" if int(t["answer"]) % 2 else "-2"}[a]

    found = by_method(make(answer=rule, methods=["first_agents", "majority_vote"], test=40))
    one, two, three = (found[f"first_agents:{k}", 1] for k in (1, 2, 3))
    assert all(r["correct"] and r["generations"] == 1 and r["completion_tokens"] == 5 for r in one.values())
    assert all(r["tie"] and len(r["source_ids"]) == 2 for r in two.values())
    assert 8 < sum(r["correct"] for r in two.values()) < 32  # a coin for each of 40
    for task, row in found["majority_vote@3", 1].items():  # of even tasks three answers are tied: one coin for both
        assert {k: three[task][k] for k in ("extracted", "correct", "tie", "source_ids")} == {
            k: row[k] for k in ("extracted", "correct", "tie", "source_ids")
        }


def test_best_of_team_is_picked_on_dev_and_the_oracle_on_test(make):
    found = by_method(make(answer=only("gamma"), train_answer=only("alpha")))
    assert not any(r["correct"] for r in found["best_of_team", 1].values())
    assert all(r["correct"] for r in found["best_of_team_oracle", 1].values())


def test_the_family_router_knows_subjects(make):
    experts = {"echo": "alpha", "count": "gamma"}

    def rule(t, a, j):
        return t["answer"] if experts[t["subject"]] == a else "-1"

    found = by_method(make(answer=rule, subjects=("echo", "count")))
    assert all(r["correct"] for r in found["family_router", 1].values())
    assert sum(r["correct"] for r in found["best_of_team", 1].values()) == 4


def test_select_llm_reads_the_question(tmp_path):
    """Who is right depends on a word of the question alone."""
    store = mini.store(tmp_path)

    def task(n, split):
        return mini.task(n, split, question=f"Please {'reverse' if n % 2 else 'sort'} the list {n * 7919 % 1000}")

    tasks = [task(n, "train") for n in range(80)] + [task(n, "test") for n in range(100, 140)]
    rows = [
        mini.proposal(t, a, 0, t["answer"] if a == ("alpha" if int(t["answer"]) % 2 else "beta") else "-1")
        for t in tasks
        for a in mini.AGENTS
    ]
    inputs = {
        "tasks": mini.put(store, "tasks", tasks),
        "agent_proposals": mini.put(store, "agent_proposals", [r for r in rows if r["split"] == "train"]),
        "benchmark_proposals": mini.put(store, "benchmark_proposals", [r for r in rows if r["split"] == "test"]),
    }
    ctx = mini.context(
        store, "benchmark_predictions", mini.experiment(benchmark={"methods": ["select_llm", "single"]}), inputs
    )
    found = by_method(mini.commit(ctx, predictions.run(ctx)))
    assert sum(r["correct"] for r in found["select_llm", 1].values()) == 40
    assert sum(r["correct"] for r in found["single:alpha", 1].values()) == 20


def test_what_is_not_run_is_listed_with_its_reason(make):
    stats = make(samples=2).manifest.stats
    reasons = stats["not_run"]
    assert "needs 20 proposals" in reasons["majority_vote@20"]
    assert reasons["mlpo_leader/team"] == "the experiment has no leader"
    assert "deferral_leader" in reasons and "debate" in reasons
    assert set(stats["accuracy"]) | set(reasons) >= {
        "single:alpha",
        "majority_vote@40",
        "self_team:beta",
        "grpo_leader/solo",
    }
    assert (
        "not selected in benchmark.methods" in make("few", methods=["single"]).manifest.stats["not_run"]["any_correct"]
    )


def test_costs_that_were_not_recorded_stay_unknown(make):
    def forget(rows):
        return [{**r, "prompt_tokens": None, "completion_tokens": None, "amortised_s": None} for r in rows]

    row = by_method(make(edit=forget))["majority_vote@3", 1]["t00000"]
    assert row["prompt_tokens"] is None and row["completion_tokens"] is None and row["amortised_s"] is None
    assert row["generations"] == 3


def test_missing_and_repeated_proposals_are_refused_by_name(make):
    with pytest.raises(BadInput, match="beta on t00003"):
        make("a", edit=lambda rows: [r for r in rows if not (r["task_id"] == "t00003" and r["agent"] == "beta")])
    with pytest.raises(BadInput, match=r"sample 0 of alpha on task t00000 is there twice"):
        make("b", edit=lambda rows: [*rows, *rows])


def test_shards_change_nothing(make, monkeypatch):
    monkeypatch.setattr(predictions, "_SHARD_ROWS", 12)
    whole = make("whole")
    assert len(whole.manifest.parts) == 4
    monkeypatch.setattr(predictions, "_SHARD_ROWS", 1000)
    assert sorted(r["prediction_id"] for r in make("one").rows()) == sorted(r["prediction_id"] for r in whole.rows())


def test_thousands_of_votes_per_task_stay_within_memory(make):
    def rule(t, a, j):
        return t["answer"] if j % 3 else str(j % 7)

    tracemalloc.start()
    data = make(samples=1334, test=20, votes=[4000], methods=["majority_vote"], answer=rule)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = list(data.rows())
    assert len(rows) == 20 and all(r["correct"] and len(r["source_ids"]) == 4000 for r in rows)
    assert peak < 600e6  # most of it is the fixture's own list of rows

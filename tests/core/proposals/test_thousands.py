"""4,000 proposals per task through filter, leader prompts and vote, in memory that their number does not set."""

import resource

import numpy as np
import pyarrow as pa
import pytest

from mlpo_core.benchmark import predictions
from mlpo_core.mlpo import dataset as mlpo_dataset
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.proposals import filtering
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import SCHEMAS
from tests import mini_chain as mini

SAMPLES = 1334  # 4,002 proposals per task at K = 3
TASKS = 12
RIGHT = {"alpha": 0.9, "beta": 0.4, "gamma": 0.3}


def proposals(store, asset, tasks, seed):
    """A part per agent. Even tasks are easy: everybody is right."""
    rng = np.random.default_rng(seed)
    writer = store.writer(asset, "k")
    right = {}
    for part, agent in enumerate(mini.AGENTS):
        n = len(tasks) * SAMPLES
        number = np.repeat([int(t["answer"]) for t in tasks], SAMPLES)
        correct = (rng.random(n) < RIGHT[agent]) | (number % 2 == 0)
        answers = np.where(correct, number, 10_000 + rng.integers(0, 5, n)).astype(str)
        sample = np.tile(np.arange(SAMPLES), len(tasks))
        columns = {name: [value] * n for name, value in mini.proposal(tasks[0], agent, 0, "0").items()}
        columns |= {
            "task_id": np.repeat([t["task_id"] for t in tasks], SAMPLES),
            "proposal_id": [f"{agent}-{t}-{j}" for t, j in zip(number, sample, strict=True)],
            "sample_index": sample,
            "correct": correct,
            "extracted": answers,
            "response": [f"I say <answer>{a}</answer>" for a in answers],
        }
        writer.write(part, pa.table(columns).select(SCHEMAS[asset].names).cast(SCHEMAS[asset]))
        right[agent] = correct.reshape(len(tasks), SAMPLES)
    writer.commit(mini.ORIGIN, {})
    return Dataset(store.find(asset, "k")), right


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    store = mini.store(tmp_path_factory.mktemp("thousands"))
    train = [mini.task(n) for n in range(TASKS)]
    test = [mini.task(1000 + n, "test") for n in range(TASKS)]
    tasks = mini.put(store, "tasks", [*train, *test])
    trained, right = proposals(store, "agent_proposals", train, 1)
    tested, _ = proposals(store, "benchmark_proposals", test, 2)
    return store, tasks, trained, right, tested


def test_filter_prompts_and_votes_of_thousands(world, monkeypatch):
    monkeypatch.setattr(mlpo_dataset, "leader_tokenizer", lambda *_: character_tokenizer())
    store, tasks, trained, right, tested = world
    config = mini.experiment(
        proposals={"samples_per_agent": SAMPLES},
        benchmark={"methods": ["majority_vote"], "votes": [3, 4000]},
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    ctx = mini.context(store, "hard_tasks", config, {"tasks": tasks, "agent_proposals": trained})
    hard = mini.commit(ctx, filtering.run(ctx))
    kept = {r["task_id"]: r for r in hard.rows() if r["kept"]}
    assert set(kept) == {f"t{n:05d}" for n in range(1, TASKS, 2)}
    for task, row in kept.items():
        assert row["n"] == 3 * SAMPLES and row["n_correct"] == sum(r[int(task[1:])].sum() for r in right.values())

    inputs = {"tasks": tasks, "agent_proposals": trained, "hard_tasks": hard}
    ctx = mini.context(store, "mlpo_dataset", config, inputs)
    data = mini.commit(ctx, mlpo_dataset.run(ctx))
    assert data.count() == len(kept) * SAMPLES
    shown = np.zeros((TASKS, SAMPLES), int)
    for row in data.rows(["task_id", "variant", "n_correct_shown"]):
        shown[int(row["task_id"][1:]), row["variant"]] = row["n_correct_shown"]
    assert (shown[1::2] == sum(right[a].astype(int) for a in mini.AGENTS)[1::2]).all()

    inputs = {"tasks": tasks, "agent_proposals": trained, "benchmark_proposals": tested}
    ctx = mini.context(store, "benchmark_predictions", config, inputs)
    votes = [r for r in mini.commit(ctx, predictions.run(ctx)).rows() if r["method"] == "majority_vote@4000"]
    # Two thirds of the votes are right or scattered over five answers: the right one always leads.
    assert len(votes) == TASKS and all(r["correct"] and not r["tie"] and r["generations"] == 4000 for r in votes)
    for row in votes:
        assert len(set(row["source_ids"])) == 4000

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000, f"{grown / 1000:.0f} MB"  # kilobytes on Linux

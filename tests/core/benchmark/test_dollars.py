"""Dollars of a report are those of exactly the calls that its tokens count."""

from pathlib import Path

import pytest

from mlpo_core.benchmark import costs
from mlpo_core.benchmark.dollars import dollars
from tests import mini_chain as chain

PRICED = {"kind": "openai", "base_url": "http://one/v1", "price": {"input": 1000.0, "output": 10000.0}}
FREE = {"kind": "openai", "base_url": "http://one/v1"}
TASKS = [chain.task(n, "test") for n in range(2)]


def prediction(method: str, task: str, sources: list[str], generations: int, rounds: int = 0) -> dict[str, object]:
    return {
        "prediction_id": f"{method}-{task}-{rounds}",
        "task_id": task,
        "benchmark": "procedural",
        "subject": "echo",
        "method": method,
        "seed": 1,
        "rounds": rounds,
        "source_ids": sources,
        "response": "",
        "extracted": "1",
        "correct": True,
        "tie": False,
        "n_correct_shown": -1,
        "generations": generations,
    }


def revision(agent: str, task: str) -> dict[str, object]:
    return {
        "generation_id": f"{task}-{agent}-revised",
        "method": "debate",
        "seed": 1,
        "task_id": task,
        "round": 1,
        "role": "agent",
        "agent": agent,
        "input_ids": [],
        "response": "",
        "extracted": "1",
        "correct": True,
        "prompt_tokens": 100,
        "cached_prompt_tokens": 0,
        "completion_tokens": 50,
        "finish_reason": "stop",
    }


def test_every_call_is_paid_for_once_per_answer(tmp_path: Path) -> None:
    store = chain.store(tmp_path)
    engines = (PRICED, FREE, None)
    agents = [{"name": a, "model": f"models/{a}", "engine": e} for a, e in zip(chain.AGENTS, engines, strict=True)]
    config = chain.experiment(team={"agents": agents}, inference={"rounds": 2})
    ids = [task["task_id"] for task in TASKS]
    proposals = [chain.proposal(t, a, j, "1") for t in TASKS for a in chain.AGENTS for j in range(2)]
    rows = [row for t in ids for row in (
        prediction("single:alpha", t, [f"{t}-alpha-0"], 1),
        prediction("single:beta", t, [f"{t}-beta-0"], 1),
        prediction("majority_vote@3", t, [f"{t}-{a}-0" for a in chain.AGENTS], 3),
        prediction("any_correct", t, [f"{t}-beta-0"], 3),
        prediction("mlpo_leader/adaptive", t, [], 2),
        prediction("debate", t, [], 3, 1),
        prediction("debate", t, [], 6, 2),
    )]  # fmt: skip
    versions = {
        "benchmark_proposals": chain.put(store, "benchmark_proposals", proposals),
        "team_rounds": chain.put(store, "team_rounds", [revision(a, t) for a in chain.AGENTS for t in ids]),
        "dev_rounds": chain.put(store, "dev_rounds", [revision("alpha", "asked on dev")]),
        "benchmark_predictions": chain.put(store, "benchmark_predictions", rows),
    }
    found = {(m.method, m.group): m.value for m in dollars(config, versions) if m.table == "cost"}
    once, revised = (10 * 1000 + 5 * 10000) / 1e6, (100 * 1000 + 50 * 10000) / 1e6
    assert found == {
        ("single:alpha", ""): pytest.approx(once),
        ("single:beta", ""): 0,
        ("majority_vote@3", ""): pytest.approx(once),
        ("any_correct", ""): pytest.approx(once),
        ("debate", "T=1"): pytest.approx(once),
        ("debate", "T=2"): pytest.approx(once + revised),
    }
    totals = {m.method: m.value for m in dollars(config, versions) if m.table == "total"}
    assert totals == {
        "benchmark_proposals": pytest.approx(4 * once),
        "team_rounds": pytest.approx(2 * revised),
        "dev_rounds": pytest.approx(revised),
    }
    tokens = {m.metric: m.value for m in costs.totals(versions) if m.method == "dev_rounds" and m.value is not None}
    assert tokens == {"generations": 1.0, "prompt_tokens": 100.0, "completion_tokens": 50.0}


def test_without_a_price_nothing_is_read() -> None:
    assert list(dollars(chain.experiment(), {})) == []

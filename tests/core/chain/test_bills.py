"""A method is billed for the calls that the report counts (tests/core/benchmark/test_dollars.py)."""

from typing import Any

import pytest

from mlpo_core.chain.bills import Bill, bills
from mlpo_core.methods.any_correct import AnyCorrect
from tests import mini_chain as chain

PRICED = {"kind": "openai", "base_url": "http://one/v1", "price": {"input": 1000.0, "output": 10000.0}}
FREE = {"kind": "openai", "base_url": "http://one/v1"}
ONCE, REVISED = (10 * 1000 + 5 * 10000) / 1e6, (100 * 1000 + 50 * 10000) / 1e6
TASKS = 4


def tokens(benchmark: str, shown: int) -> tuple[float, float]:
    assert benchmark == "procedural"
    assert shown in (0, 2, 3), "a revision reads its own answer and the leader's, or everybody's"
    return (100.0, 50.0) if shown else (10.0, 5.0)


def billed(methods: list[str], samples: int = 4, **sections: Any) -> dict[str, Bill]:
    engines = (PRICED, FREE, None)
    agents = [{"name": a, "model": f"models/{a}", "engine": e} for a, e in zip(chain.AGENTS, engines, strict=True)]
    config = chain.experiment(
        team={"agents": agents},
        proposals={"benchmark_samples": samples},
        benchmark={"methods": methods, "seeds": [1, 2, 3]},
        **({"inference": {"rounds": 2}} | sections),
    )
    return {bill.method: bill for bill in bills(config, {"procedural": TASKS}, tokens)}


def test_an_answer_costs_every_call_behind_it() -> None:
    methods = ["single:alpha", "single:beta", "majority_vote@3", "majority_vote@6", "any_correct", "first_agents:1"]
    methods += ["greedy:alpha", "debate", "mlpo_leader/team", "mlpo_leader/solo", "self_team:alpha"]
    found = {name: bill.answer for name, bill in billed(methods).items()}
    assert found == {
        "single:alpha": pytest.approx(ONCE),
        "single:beta": 0,
        "majority_vote@3": pytest.approx(ONCE),
        "majority_vote@6": pytest.approx(2 * ONCE),
        "any_correct": pytest.approx(ONCE),
        "first_agents:1": pytest.approx(ONCE),
        "greedy:alpha": pytest.approx(ONCE),
        "debate": pytest.approx(ONCE + REVISED),
        "mlpo_leader/team": pytest.approx(ONCE + REVISED),
        "mlpo_leader/solo": 0,
        "self_team:alpha": pytest.approx(3 * (ONCE + REVISED)),
    }


def test_a_benchmark_pays_once_for_what_seeds_share() -> None:
    methods = ["single:alpha", "greedy:alpha", "majority_vote@6", "debate"]
    many, few = billed(methods, samples=6), billed(methods, samples=2)
    assert many["single:alpha"].benchmark == pytest.approx(3 * TASKS * ONCE)
    assert few["single:alpha"].benchmark == pytest.approx(2 * TASKS * ONCE)
    assert many["majority_vote@6"].benchmark == pytest.approx(6 * TASKS * ONCE)
    assert few["majority_vote@6"].benchmark == pytest.approx(2 * TASKS * ONCE)
    assert many["greedy:alpha"].benchmark == pytest.approx(TASKS * ONCE)
    assert few["debate"].benchmark == pytest.approx(TASKS * (2 * ONCE + 3 * REVISED))


def test_what_is_decided_later_is_a_mean_or_a_limit_and_says_so() -> None:
    found = billed(["best_of_team", "mlpo_leader/adaptive"], inference={"rounds": 2, "stop": {"price": 0.1}})
    assert found["best_of_team"].answer == pytest.approx(ONCE / 3)
    assert "mean of the agents" in found["best_of_team"].note
    assert found["mlpo_leader/adaptive"].answer == found["mlpo_leader/team"].answer
    assert "at most" in found["mlpo_leader/adaptive"].note


def test_what_cannot_be_run_has_no_bill() -> None:
    found = billed(["majority_vote@3", "majority_vote@40", "sft_leader/team"], samples=1, sft={"enabled": False})
    assert list(found) == ["majority_vote@3"]


def guessing(team: tuple[str, ...]) -> AnyCorrect:
    return AnyCorrect(name="guessing")


def test_a_method_of_ones_own_is_said_to_be_unknown() -> None:
    [bill] = billed([f"{__name__}:guessing"]).values()
    assert bill == Bill("guessing", None, None, "what it asks is not known before it runs")


def test_without_a_price_there_is_no_bill() -> None:
    assert bills(chain.experiment(), {"procedural": TASKS}, tokens) == []

"""A question costs the calls behind its answer, at the lengths and prices of `mlpo plan`."""

import pytest

from mlpo_core.advice.costs import costs
from mlpo_core.chain.bills import bills
from mlpo_core.chain.lengths import lengths_of
from tests import mini_chain as mini

PRICED = {"kind": "openai", "base_url": "http://one/v1", "price": {"input": 1000.0, "output": 10000.0}}


def test_a_question_costs_its_calls() -> None:
    agents = [{"name": a, "model": f"models/{a}", "engine": PRICED} for a in mini.AGENTS]
    config = mini.experiment(team={"agents": agents}, inference={"rounds": 2}, proposals={"max_new_tokens": 30})
    first, leads, revises = 60 + 40 + 30, 60 + 40 + 3 * 30 + 30, 60 + 40 + 2 * 30 + 30
    found = costs(config, {"procedural": 5.0})
    assert found.rounds
    assert [cost.tokens for cost in found if cost] == [
        3 * first,
        3 * first + leads,
        6 * first + 2 * leads + 3 * (revises - first),
    ]
    once = 3 * (100 * 1000 + 30 * 10000) / 1e6
    again = 3 * (160 * 1000 + 30 * 10000) / 1e6
    assert (found.vote.dollars, found.leader.dollars) == (pytest.approx(once), pytest.approx(once))
    assert found.rounds.dollars == pytest.approx(once + again)
    lengths = lengths_of(config)["procedural"]
    billed = bills(config, {"procedural": 5.0}, lambda _, shown: (lengths.read(shown, 30), lengths.written(30)))
    assert {b.answer for b in billed if b.method == "majority_vote@3"} == {found.vote.dollars}


def test_there_are_no_dollars_without_a_price_and_no_rounds_with_one() -> None:
    found = costs(mini.experiment(inference={"rounds": 1}), {"procedural": 1.0})
    assert found.vote.dollars is None and found.leader.dollars is None and found.rounds is None

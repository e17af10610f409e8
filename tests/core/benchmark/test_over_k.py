"""Votes of smaller teams, counted at once, against votes counted one by one; and what is made of them."""

from itertools import combinations, permutations

import numpy as np
import pytest

from mlpo_core.benchmark.over_k import ANY_BEST, ANY_RANDOM, BEST, RANDOM, SINGLE, over_k
from mlpo_core.benchmark.report.lookup import Figures
from mlpo_core.benchmark.report.team_views import errors_chart, gains_chart, sizes_chart, team_plots, team_tables
from mlpo_core.benchmark.team_votes import Answered, read_answers, votes
from mlpo_core.methods.votes import chances, tally
from tests.core.benchmark import synthetic


def one_by_one(answered, team):
    codes, correct = answered.codes[:, team], answered.correct[:, team]
    result = tally(codes, [str(i) for i in range(9)], [0] * len(codes))
    return np.array(chances(codes, correct, result))


def members(k, teams):
    return np.array([[agent in team for agent in range(k)] for team in teams])


def test_votes_of_all_teams_are_those_counted_one_by_one():
    draws = np.random.default_rng(3)
    codes = draws.integers(-1, 4, (300, 5))
    codes[:3] = -1
    answered = Answered(codes, codes == 2, draws.choice(["law", "maths"], 300))
    teams = [team for k in range(1, 6) for team in combinations(range(5), k)]
    found = votes(answered, members(5, teams))
    for i, team in enumerate(teams):
        shares = one_by_one(answered, list(team))
        assert found.accuracy[i] == pytest.approx(shares.mean()), team
        by_subject = [shares[answered.subjects == s].mean() for s in ("law", "maths")]
        assert found.by_subject[:, i] == pytest.approx(by_subject)
        assert found.any_right[i] == pytest.approx(answered.correct[:, list(team)].any(axis=1).mean())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    def change(asset, rows):
        if asset == "agent_proposals":  # beta is best before the test, then gamma
            order = {"beta": 4, "gamma": 3, "alpha": 1}
            return [{**row, "correct": int(row["task_id"][-2:]) % 5 < order[row["agent"]]} for row in rows]
        return rows

    return synthetic.build(tmp_path_factory.mktemp("over_k"), tests=60, seeds=(1, 2), change=change)


def metrics(ctx, agents=synthetic.AGENTS):
    inputs = (ctx.inputs[a] for a in ("tasks", "agent_proposals", "benchmark_predictions"))
    return list(over_k(*inputs, agents))


def test_what_more_agents_bring(made):
    found = metrics(made)
    answered = read_answers(made.inputs["tasks"], made.inputs["benchmark_predictions"], synthetic.AGENTS)
    assert answered and answered.codes.shape == (120, 3)
    sizes = {(m.method, m.group): m for m in found if m.table == "over_k"}
    alone = answered.correct.mean(axis=0)
    assert sizes[BEST, "1"].value == sizes[SINGLE, "3"].value == pytest.approx(alone[1])
    assert sizes[BEST, "2"].value == pytest.approx(one_by_one(answered, [1, 2]).mean())
    assert sizes[BEST, "3"].value == sizes[RANDOM, "3"].value == pytest.approx(one_by_one(answered, [0, 1, 2]).mean())
    assert sizes[RANDOM, "1"].value == pytest.approx(alone.mean()) and sizes[RANDOM, "1"].note == "3 teams"
    assert sizes[ANY_BEST, "3"].value == sizes[ANY_RANDOM, "3"].value == pytest.approx(answered.correct.any(1).mean())
    correlations = {(m.method, m.versus): m.value for m in found if m.table == "correlation"}
    assert correlations["gamma", "alpha"] == pytest.approx(np.corrcoef(answered.correct.T)[2, 0])
    gains = {(m.method, m.group): m.value for m in found if m.table == "gain"}
    assert set(gains) == {(a, s) for a in synthetic.AGENTS for s in ("", *synthetic.SUBJECTS)}
    by_hand = []
    for order in permutations(range(3)):
        at = order.index(0)
        if at:
            shares = [one_by_one(answered, list(order[:k])).mean() for k in (at, at + 1)]
            by_hand.append(shares[1] - shares[0])
    assert gains["alpha", ""] == pytest.approx(np.mean(by_hand))


def test_teams_of_two_and_agents_that_were_not_run_have_no_such_tables(made):
    assert metrics(made, synthetic.AGENTS[:2]) == []
    assert metrics(made, (*synthetic.AGENTS, "delta")) == []
    empty = Figures([])
    assert team_tables(empty) == [] and team_plots(empty) == []
    assert sizes_chart(empty) is gains_chart(empty) is errors_chart(empty) is None


def test_tables_and_pictures_show_them(made):
    figures = Figures(metrics(made))
    tables = {view.key: view for view in team_tables(figures)}
    assert [row[0] for row in tables["over-k"].rows] == ["1", "2", "3"]
    assert tables["gain"].columns == ["agent", "all", "sort", "sum"]
    assert [row[i + 1] for i, row in enumerate(tables["correlation"].rows)] == ["–"] * 3
    drawn = {plot.title: plot.svg for plot in team_plots(figures)}
    assert "vote of K at random, K=2" in drawn["Accuracy over the number of agents"]
    assert "alpha, sort: " in drawn["Who adds what"] and "beta and gamma: " in drawn["Correlated errors"]

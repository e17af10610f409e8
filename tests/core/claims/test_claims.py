"""Claims over a sweep: who is compared with whom, on which tasks, and what the verdict is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlpo_core.benchmark.paired import paired_bootstrap
from mlpo_core.benchmark.statistics import holm
from mlpo_core.chain.experiments import checked
from mlpo_core.claims import tables
from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import accuracies, evaluate, together
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, parse
from mlpo_core.experiment.files import points

TASKS = 300
LEADER, BASE, VOTE = "mlpo_leader/team T=1", "untrained_leader/team T=1", "majority_vote@3"


def claiming(*claims: Mapping[str, object], **changes: object) -> Experiment:
    """An experiment that sweeps two teams, two recipes and three seeds."""
    raw = {
        "name": "lab",
        "tasks": [{"benchmark": "procedural", "seed": 1, "train": 1, "dev": 1, "test": 1}],
        "team": {"agents": [{"name": a, "model": f"lab/{a}"} for a in ("alpha", "beta", "gamma")]},
        "leader": {"model": "lab/leader"},
        "sweep": {"agents": {"apart": {}, "alike": {}}, "recipe": {"full": {}, "plain": {}}, "seed": [1, 2, 3]},
        "claims": {"by": "agents", "at": {"recipe": "full"}, "tests": list(claims), **changes},
    }
    return parse(raw, "lab.yaml")


def claim(id: str, *against: str, method: str = LEADER, **more: object) -> dict[str, object]:
    return {"id": id, "says": f"it is better ({id})", "method": method, "against": list(against), **more}


def answers(experiment: Experiment, chance: Mapping[str, float], left_out: tuple[str, ...] = ()) -> Answers:
    """Random answers: `chance` by way, or by `recipe:way` where a recipe differs."""
    frames = {name: _frame(name, chance) for name in points(experiment) if name not in left_out}
    assert experiment.claims
    return Answers(experiment, experiment.claims, frames)


def _frame(name: str, chance: Mapping[str, float]) -> pd.DataFrame:
    recipe = "plain" if "recipe=plain" in name else "full"
    draw = np.random.default_rng(sum(map(ord, name)))
    shown = draw.integers(0, 4, TASKS)
    parts = []
    for way in (LEADER, BASE, VOTE):
        right = draw.random(TASKS) < chance.get(f"{recipe}:{way}", chance.get(way, 0.5))
        right = shown >= 2 if way == VOTE else right
        parts.append(
            pd.DataFrame(
                {
                    "task_id": [f"t{i}" for i in range(TASKS)],
                    "way": way,
                    "seed": 1,
                    "correct": right,
                    "tie": (shown == 1) & (np.arange(TASKS) % 2 == 0),
                    "empty": False,
                    "n_correct_shown": shown,
                }
            )
        )
    return pd.concat(parts)


def test_verdicts_follow_from_differences() -> None:
    experiment = claiming(
        claim("better", BASE),
        claim("reversed", LEADER, method=BASE),
        claim("recipe", LEADER, than={"recipe": "plain"}),
        claim("absent", "grpo_leader/solo"),
        claim("close", LEADER, than={"recipe": "plain"}, margin=0.2),
    )
    table = evaluate(answers(experiment, {LEADER: 0.8, BASE: 0.4}))
    assert together(table).to_dict()["apart"] == {
        "better": "holds",
        "reversed": "fails",
        "recipe": "not shown",
        "absent": "not run",
        "close": "holds",
    }
    tested = table[table["p"].notna()]
    assert tested["p_holm"].tolist() == pytest.approx(holm(tested["p"].tolist()))
    assert set(tested["repetitions"]) == {3} and set(tested["n"]) == {3 * TASKS}


def test_a_claim_stands_or_falls_with_all_its_tests() -> None:
    table = evaluate(answers(claiming(claim("a", BASE), claim("a", LEADER, method=BASE)), {LEADER: 0.8, BASE: 0.4}))
    assert together(table).loc["a"].tolist() == ["fails", "fails"]


def test_each_seed_has_its_exact_mcnemar_test() -> None:
    experiment = claiming(claim("a", BASE))
    found = answers(experiment, {LEADER: 0.6, BASE: 0.5})
    table = evaluate(found)
    at = {"agents": "alike", "recipe": "full"}
    first, second = (found.of(at, way).to_numpy(dtype=bool) for way in (LEADER, BASE))
    expected = [
        stats.binomtest(int((a & ~b).sum()), int((a != b).sum())).pvalue for a, b in zip(first, second, strict=True)
    ]
    assert table[table["by"] == "alike"]["p_mcnemar"].iloc[0] == pytest.approx(expected)


@pytest.mark.parametrize("where", ["wrong_majority", "none_right"])
def test_a_claim_about_some_tasks_counts_only_those(where: str) -> None:
    experiment = claiming(claim("c", BASE, where=where))
    found = answers(experiment, {LEADER: 0.6, BASE: 0.5})
    row = evaluate(found).iloc[0]
    at = {"agents": "apart", "recipe": "full"}
    shown, tie = found.of(at, VOTE, "n_correct_shown"), found.of(at, VOTE, "tie").astype(bool)
    mask = (shown == 0 if where == "none_right" else (shown <= 1) & ~tie).to_numpy()
    right = found.of(at, LEADER).to_numpy(dtype=bool)
    assert 0 < row["n"] == mask.sum() < 3 * TASKS
    assert row["accuracy"] == pytest.approx(right[mask].mean())


def test_the_bootstrap_over_some_tasks_is_that_of_those_tasks() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.random((1, 400)) < 0.7, draw.random((1, 400)) < 0.6
    where = np.arange(400)[None] < 200
    part = paired_bootstrap(first[:, :200], second[:, :200], 1)
    masked = paired_bootstrap(first, second, 1, where=where)
    assert masked.difference == pytest.approx(part.difference)
    assert masked.interval == pytest.approx(part.interval, abs=0.02)
    assert paired_bootstrap(first, second, 1, where=np.ones_like(where)) == paired_bootstrap(first, second, 1)
    with pytest.raises(ValueError, match="where"):
        paired_bootstrap(first, second, 1, where=np.zeros_like(where))


def test_the_bootstrap_can_test_against_another_difference_than_none() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.random((3, 500)) < 0.60, draw.random((3, 500)) < 0.61
    assert paired_bootstrap(first, second, 1).p > 0.05
    assert paired_bootstrap(first, second, 1, null=-0.25).p < 0.001


def test_an_unfinished_sweep_is_tested_as_far_as_it_goes_and_says_so() -> None:
    experiment = claiming(claim("a", BASE))
    left_out = ("lab--agents=apart--recipe=full--seed=3", "lab--agents=alike--recipe=full--seed=1")
    found = answers(experiment, {LEADER: 0.8, BASE: 0.4}, left_out)
    assert evaluate(found)["repetitions"].tolist() == [2, 2]
    assert "have not been made: 2 (agents=apart--recipe=full--seed=3" in tables.note(found)


def test_tables_give_every_verdict_test_and_accuracy() -> None:
    experiment = claiming(claim("a", BASE, VOTE), claim("f", LEADER, than={"recipe": "plain"}), claim("z", "debate"))
    found = answers(experiment, {LEADER: 0.8, BASE: 0.4})
    table, figures = evaluate(found), accuracies(found)
    first = tables.verdicts(table)
    assert [row[0] for row in first.rows] == ["a", "f", "z"]
    assert first.rows[0][2].startswith("holds: ") and first.rows[2][2] == "not run"
    every = tables.tests(table)
    assert len(every.rows) == 2 * 4 and all(len(row) == len(every.columns) for row in every.rows)
    assert every.rows[4][3] == f"{LEADER} (plain)"
    shown = tables.accuracy(figures)
    assert [len(view.rows) for view in shown] == [6, 6]
    vote = next(row for row in shown[0].rows if row[0] == VOTE)
    assert vote[1] == "full" and float(vote[-1]) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": "team"}, "'team' is no axis of sweep"),
        ({"at": {}}, "at: lacks a value for recipe"),
        ({"at": {"recipe": "fast"}}, "sweep.recipe has no 'fast', only full, plain"),
    ],
)
def test_claims_about_points_that_there_are_not_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        claiming(claim("a", BASE), **changes)


def test_a_claim_about_a_method_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match=r"claims\.tests: 'majority' is no method of this experiment"):
        checked(claiming(claim("a", "majority")), "lab.yaml")

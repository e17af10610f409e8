"""The map: who is ahead where, where that changes, what is said of it, and what is refused."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mlpo_core.benchmark.report.views import markdown
from mlpo_core.charts.render import svg
from mlpo_core.claims.answers import Answers
from mlpo_core.claims.evaluate import accuracies, evaluate
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, parse
from mlpo_core.experiment.files import points
from mlpo_core.maps import pictures, tables
from mlpo_core.maps.layout import Sheet
from mlpo_core.maps.leads import AHEAD, BEHIND, EVEN, crossings, state

TASKS = 400
LEADER, LATER, VOTE = "mlpo_leader/team T=1", "mlpo_leader/team T=3", "majority_vote@3"
AXIS = {"id": "skill", "turns": "agent, % right", "points": {"low": 30, "base": 50, "high": 80}}
WORDS = {"id": "way", "turns": "how", "points": {"base": "as it is", "high": "<other>"}}
PLANE = {
    "id": "both",
    "across": "skill",
    "down": "likeness",
    "points": {"low": [30, 0], "base": [50, 0], "high": [30, 1]},
}
ROUNDS = {"id": "rounds", "across": "T", "down": "how", "rounds": True, "points": {"low": [0, "a"], "high": [0, "b"]}}


def mapped(**changes: object) -> Experiment:
    """An experiment that sweeps three points and two seeds."""
    raw = {
        "name": "lab",
        "tasks": [{"benchmark": "procedural", "seed": 1, "train": 1, "dev": 1, "test": 1}],
        "team": {"agents": [{"name": a, "model": f"lab/{a}"} for a in ("alpha", "beta", "gamma")]},
        "leader": {"model": "lab/leader"},
        "sweep": {"point": {"low": {}, "base": {}, "high": {}}, "seed": [1, 2]},
        "claims": {
            "by": "point",
            "tests": [
                {"id": "a", "says": "better", "method": LEADER, "against": [VOTE]},
                {"id": "b", "says": "better later", "method": LATER, "against": [VOTE, "grpo_leader/solo"]},
            ],
        },
        "map": {"axes": [AXIS, WORDS], "planes": [PLANE, ROUNDS], **changes},
    }
    return parse(raw, "lab.yaml")


@cache
def sheet(low: float, base: float, high: float, left_out: tuple[str, ...] = ()) -> Sheet:
    """Random answers: the leader is right as often as said by point, the vote on half of the tasks."""
    experiment, leader = mapped(), {"low": low, "base": base, "high": high}
    frames = {name: _frame(name, leader) for name in points(experiment) if not name.endswith(left_out or ("-",))}
    assert experiment.claims
    answers = Answers(experiment, experiment.claims, frames)
    return Sheet(answers, evaluate(answers), accuracies(answers))


def _frame(name: str, leader: Mapping[str, float]) -> pd.DataFrame:
    draw = np.random.default_rng(sum(map(ord, name)))
    point = name.split("=")[1].partition("--")[0]
    chances = {LEADER: leader[point], LATER: leader[point] - 0.2, VOTE: 0.5}
    rows = {"task_id": [f"t{i}" for i in range(TASKS)], "seed": 1, "tie": False, "empty": False, "n_correct_shown": 1}
    return pd.concat(
        [pd.DataFrame({**rows, "way": way, "correct": draw.random(TASKS) < chance}) for way, chance in chances.items()]
    )


def gained(mean: float, tasks: int = 300) -> pd.DataFrame:
    """Gains of two seeds whose mean is as said: the first tasks are won, or the last ones lost."""
    row = np.zeros(tasks)
    n = round(abs(mean) * tasks)
    row[: n if mean > 0 else None][-n:] = np.sign(mean)
    return pd.DataFrame([row, row], index=pd.Index([1, 2]), columns=pd.Index([f"t{i}" for i in range(tasks)]))


def test_a_lead_is_one_where_its_interval_leaves_out_zero() -> None:
    assert [state(0.1, 0.02, 0.2), state(-0.1, -0.2, -0.02), state(0.1, -0.02, 0.2)] == [AHEAD, BEHIND, EVEN]


def test_a_sign_changes_between_two_points_at_an_interpolated_place_with_its_interval() -> None:
    (found,) = crossings({80.0: gained(-0.1), 20.0: gained(0.2), 50.0: gained(0.1)})
    assert found.between == (50, 80) and not found.rises
    assert found.at == pytest.approx(65)
    assert 50 < found.interval.low < 65 < found.interval.high < 80
    assert found.share > 0.95


def test_no_sign_changes_where_there_is_one_sign_or_one_point() -> None:
    assert crossings({0.0: gained(0.2), 1.0: gained(0.1)}) == []
    assert crossings({0.0: gained(0.2)}) == [] == crossings({})


def test_more_tasks_tell_the_place_more_exactly() -> None:
    few, many = (crossings({0.0: gained(0.2, n), 1.0: gained(-0.2, n)})[0].interval for n in (100, 2000))
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_rules_say_where_the_leader_is_ahead_with_the_points_behind() -> None:
    found = sheet(0.35, 0.5, 0.8)
    lead, later = found.leads[:2]
    experiment = found.answers.experiment
    assert experiment.map
    skill, way = experiment.map.axes
    said = tables.rule(found, lead, skill)
    assert said.startswith("ahead above ") and "ahead at 80" in said and "behind at 30" in said
    assert tables.rule(found, later, skill).endswith("ahead at 80; behind at 30, 50")
    assert tables.rule(sheet(0.8, 0.8, 0.9), lead, skill) == "ahead everywhere measured"
    assert tables.rule(found, lead, way) == "ahead at <other>; undecided at as it is"
    rows = tables.rules(found, experiment.map.axes).rows
    assert {row[0] for row in rows} == {lead.name, later.name}  # GRPO was not run
    assert rows[0][3].startswith("30 [low]: −") and "80 [high]: +" in rows[0][3]
    assert "&lt;other&gt;" in markdown(tables.leads(found, way))


def test_an_unfinished_sweep_is_laid_out_as_far_as_it_goes() -> None:
    found = sheet(0.35, 0.5, 0.8, left_out=("low--seed=1", "low--seed=2"))
    assert found.answers.missing == ["lab--point=low--seed=1", "lab--point=low--seed=2"]
    experiment = found.answers.experiment
    assert experiment.map
    skill = experiment.map.axes[0]
    assert [row[2] for row in tables.leads(found, skill).rows] == ["–", "–", "–"]
    assert tables.methods(found, skill).rows[0][2] == "–"
    assert pictures.of_axis(found, skill)


def test_every_axis_and_plane_is_drawn_with_its_boundary() -> None:
    found = sheet(0.3, 0.8, 0.8)
    experiment = found.answers.experiment
    assert experiment.map
    skill, way = (svg(spec) for axis in experiment.map.axes if (spec := pictures.of_axis(found, axis)))
    assert "sign changes at" in skill and LEADER in skill
    assert "&lt;other&gt;" in way and "sign changes" not in way
    plane, rounds = (svg(spec) for part in experiment.map.planes if (spec := pictures.of_plane(found, part)))
    assert f"{LEADER} over {VOTE}" in plane and "sign changes at" in plane
    assert "mlpo_leader/team over" not in plane
    assert rounds.count('aria-label="b, ') == 2 * rounds.count('aria-label="b, 3: ')  # T=1 and T=3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": [{**AXIS, "points": {"low": 1, "far": 2}}]}, "skill: sweep.point has no 'far'"),
        ({"axes": [{**AXIS, "points": {"low": 1, "base": "two"}}]}, "skill: points stand at numbers or at words"),
        ({"axes": [AXIS, AXIS]}, "two of axes and planes have one id"),
        ({"planes": [{**PLANE, "points": {"low": [1, 1], "far": [1, 2]}}]}, "both: sweep.point has no 'far'"),
    ],
)
def test_a_map_of_points_that_there_are_not_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        mapped(**changes)

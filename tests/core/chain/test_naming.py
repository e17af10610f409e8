"""Points that are named for one run: found by name, refused where they would lead elsewhere, let go by `prune`."""

from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.naming import name_point, named_points
from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.changeable import SECTIONS, changeable, require_changeable
from mlpo_core.store import Store, points

NAME = "votes--filter.max_correct_rate=0.5"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    monkeypatch.setenv("MLPO_ROOT", str(tmp_path / "root"))
    votes = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded"}],
        "team": {"agents": [{"name": "good", "model": "recorded:good"}]},
        "engine": {"kind": "recorded", "recorded": "/nowhere"},
        "sweep": {"seed": [1, 2]},
    }
    (tmp_path / "votes.yaml").write_text(yaml.safe_dump(votes))
    return Store()


def test_a_point_has_a_name_by_which_everybody_finds_it(store: Store) -> None:
    with pytest.raises(BadInput, match=r"sweep\.seed: there is no"):
        find(NAME)
    made = name_point("votes", {"filter.max_correct_rate": 0.5}, store)
    assert made.name == NAME and made.filter.max_correct_rate == 0.5
    assert find(NAME) == made
    assert name_point("votes", {"filter.max_correct_rate": 0.5}, store) == made, "again is the same"
    assert named_points(store) == {"votes": [NAME]}


def test_what_is_not_changed_follows_the_file(store: Store, tmp_path: Path) -> None:
    name_point("votes", {"filter.max_correct_rate": 0.5}, store)
    file = tmp_path / "votes.yaml"
    file.write_text(file.read_text() + "proposals: {samples_per_agent: 2}\n")
    assert find(NAME).proposals.samples_per_agent == 2
    file.unlink()
    assert named_points(store) == {}
    with pytest.raises(BadInput, match="no such experiment"):
        find(NAME)


def test_a_point_of_a_sweep_can_be_changed_and_a_named_one_cannot(store: Store) -> None:
    made = name_point("votes--seed=2", {"sft.connector": "model", "sft.tasks": None}, store)
    assert (made.seed, made.sft.connector, made.sft.tasks) == (2, "model", None)
    assert find(made.name) == made
    with pytest.raises(BadInput, match="is such a point itself"):
        name_point(made.name, {"seed": 3}, store)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "no setting is changed"),
        ({"filter.max_correct_rate": 1.5}, "filter.max_correct_rate: Input should be less than or equal to 1"),
        ({"sft.steps": 0}, "sft.steps: Input should be greater than or equal to 1"),
        ({"engine.api_key_env": "HOME"}, "engine.api_key_env: may not be changed"),
        ({"engine.base_url": "http://elsewhere"}, "engine.base_url: may not be changed"),
        ({"filter.keep": "os:system"}, "filter.keep: may not be changed"),
        ({"push_to_hub.leader": "me/mine"}, "push_to_hub.leader: may not be changed"),
        ({"grading.run_code": True}, "grading.run_code: may not be changed"),
        ({"launcher": "ray"}, "launcher: may not be changed"),
        ({"ask": False}, "ask: may not be changed"),
        ({"budget": 1000}, "budget: may not be changed"),
        ({"seed=1\nlauncher": 1}, "may not be changed"),
    ],
)
def test_what_may_not_be_is_refused_with_field_and_reason_and_records_nothing(
    store: Store, settings: dict[str, object], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        name_point("votes", settings, store)
    assert points.recorded(store) == []


def test_nothing_that_is_text_may_be_changed() -> None:
    for name, setting in changeable().items():
        assert setting.kind in (int, float, bool) or set(setting.choices), name
    assert set(SECTIONS) <= set(Experiment.model_fields)
    assert {name.partition(".")[0] for name in changeable()} == {"seed", *SECTIONS}
    assert changeable()["filter.max_correct_rate"].default == 0.75 and changeable()["sft.tasks"].optional
    require_changeable(["mlpo.steps"])


def test_a_record_that_was_tampered_with_changes_nothing_else(store: Store) -> None:
    points.record(store, NAME, points.Point(experiment="votes", settings=("engine.recorded=/etc",)))
    with pytest.raises(BadInput, match=r"engine.recorded: may not be changed"):
        find(NAME)
    store.own(points.POINTS).replace("votes--x.json", b"{")
    with pytest.raises(BadInput, match="not the record of a point"):
        find("votes--x")


def test_prune_lets_a_point_go(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    name_point("votes", {"filter.max_correct_rate": 0.5}, store)
    assert main(["prune", "--yes", "--forget", "votes"]) == 2
    assert NAME in capsys.readouterr().err
    assert main(["prune", "--yes", "--forget", NAME]) == 0
    assert points.recorded(store) == []

"""Names of experiments and of the points of their sweeps, and what each point sets."""

from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import find, read
from mlpo_core.chain.spec import Spec, resolve
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load
from mlpo_core.experiment.files import names, point, points
from mlpo_core.store import Store

SMALL = {
    "name": "small",
    "tasks": [{"benchmark": "bbh"}],
    "team": {"agents": [{"name": "a", "model": "org/model-1B"}]},
    "sweep": {
        "recipe": {
            "full": {},
            "loose": {"filter.max_correct_rate": None, "mlpo": {"steps": 7}, "team.agents.0.prompt": "a: b, c"},
        },
        "seed": [1, 2],
    },
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The experiment `small` in a folder of its own."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


def test_a_sweep_has_a_point_for_every_value_on_every_axis(file: Path) -> None:
    expected = [f"small--recipe={recipe}--seed={seed}" for recipe in ("full", "loose") for seed in (1, 2)]
    assert names(file) == ["small", *expected]
    assert points(load(file)) == expected


def test_a_named_value_sets_its_whole_group(file: Path) -> None:
    full, loose = find("small--recipe=full--seed=2"), find("small--recipe=loose--seed=2")
    assert (full.seed, full.filter.max_correct_rate, full.mlpo.steps) == (2, 0.75, 200)
    assert (loose.seed, loose.filter.max_correct_rate, loose.mlpo.steps) == (2, None, 7)
    assert loose.team.agents[0].prompt == "a: b, c"
    assert not loose.sweep and loose.name == "small--recipe=loose--seed=2"


def test_an_unknown_value_is_refused_with_what_there_is(file: Path) -> None:
    with pytest.raises(BadInput, match=r"sweep\.recipe: there is no 'lose', only full, loose"):
        find("small--recipe=lose--seed=1")
    with pytest.raises(BadInput, match=r"sweep\.seed: there is no '3', only 1, 2"):
        point(load(file), {"recipe": "full", "seed": "3"})
    with pytest.raises(BadInput, match=r"sweep\.seed: there is no None"):
        point(load(file), {"recipe": "full"})


@pytest.mark.parametrize("value", ["org/model-1B", "s3://bucket/a:b@1", "/a/b", "ä/β"])
def test_a_value_may_be_the_name_of_a_model(file: Path, value: str, tmp_path: Path) -> None:
    file.write_text(yaml.safe_dump({**SMALL, "sweep": {"team.agents.0.model": [value, "other"], "seed": [1, 2]}}))
    [first, *_] = points(load(file))
    experiment = find(first)
    assert experiment.team.agents[0].model == value
    store = Store(str(tmp_path / "root"))
    spec = resolve("tasks", experiment, store)
    assert Spec.model_validate_json(spec.model_dump_json()) == spec, "a phase reads what it was sent"


def test_a_named_value_is_called_what_its_file_calls_it(file: Path) -> None:
    named = {"0.5": {"seed": 5}, "2": {"seed": 2}, "yes": {"seed": 6}}  # YAML puts quotes around these
    file.write_text(yaml.safe_dump({**SMALL, "sweep": {"seed": named}}))
    assert points(load(file)) == ["small--seed=0.5", "small--seed=2", "small--seed=yes"]
    assert [find(name).seed for name in points(load(file))] == [5, 2, 6]


def test_a_value_that_cannot_be_part_of_a_partitions_name_is_refused(file: Path) -> None:
    file.write_text(yaml.safe_dump({**SMALL, "sweep": {"description": ["a...b"]}}))
    with pytest.raises(BadInput, match="Give its values short names"):
        points(load(file))


def test_every_point_of_every_shipped_sweep_is_an_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPO_EXPERIMENTS", raising=False)
    swept = [name for path in Path("experiments").glob("*.yaml") for name in names(path)]
    assert "tiny-claims--agents=correlated--recipe=no-sft--seed=3" in swept
    assert [find(name).name for name in swept] == swept


def test_the_claims_laboratory_varies_by_seed_everything_but_tasks_and_frozen_models() -> None:
    one, two = (find(f"tiny-claims--agents=correlated--recipe=full--seed={seed}") for seed in (1, 2))
    assert (one.tasks, one.base_models) == (two.tasks, two.base_models)
    assert one.seed != two.seed
    assert find("tiny").model_copy(update={"seed": 5}).tasks[0].seed == 1


def test_the_independent_team_of_the_claims_is_that_of_tiny() -> None:
    claims, tiny = find("tiny-claims--agents=independent--recipe=full--seed=1"), find("tiny")
    for section in ("tasks", "team", "leader", "base_models", "proposals", "sft", "mlpo", "grpo"):
        assert getattr(claims, section) == getattr(tiny, section), section


@pytest.mark.parametrize(
    "chosen",
    [
        "engine.base_url=http://elsewhere/v1",
        "team.agents.0.trust_remote_code=true",
        "description=x/../../../escaped",
        "tasks.0.source=$AWS_SECRET_ACCESS_KEY",
        "recipe=full--seed=1--filter.max_correct_rate=0.5",
        "recipe=full--seed=3",
        "seed=1--recipe=full",
        "recipe=full",
    ],
)
def test_a_name_sets_nothing_that_the_sweep_does_not_declare(file: Path, chosen: str) -> None:
    with pytest.raises(BadInput, match="sweep"):
        find(f"small--{chosen}")


@pytest.mark.parametrize("name", ["../small", "/etc/passwd", "", "a\nb", "x/../small"])
def test_a_name_leads_out_of_no_folder(file: Path, name: str) -> None:
    with pytest.raises(BadInput, match="is no experiment's name"):
        find(name)


def test_a_person_may_set_anything(file: Path) -> None:
    assert read("small", ("engine.base_url=http://elsewhere/v1",)).engine.base_url == "http://elsewhere/v1"


def test_values_with_dashes_are_told_apart(file: Path) -> None:
    file.write_text(yaml.safe_dump({**SMALL, "sweep": {"description": ["a", "a--b"], "seed": [1, 2]}}))
    assert [find(name).name for name in points(load(file))] == points(load(file))
    assert find("small--description=a--b--seed=1").description == "a--b"

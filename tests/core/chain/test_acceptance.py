"""Versions that older code made can be kept, by an explicit and recorded word."""

import json

import pytest

from mlpo_core.chain import code
from mlpo_core.chain.acceptance import accept
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, parse
from mlpo_core.store import Store


def experiment() -> Experiment:
    raw = {
        "name": "kept",
        "tasks": [{"benchmark": "procedural", "train": 4, "dev": 2, "test": 2, "subjects": ["chain_sum"]}],
        "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
    }
    return parse(raw, "kept.yaml")


@pytest.fixture
def other_code(monkeypatch):
    """As if a module of every stage had been edited."""

    def edit(word: str) -> None:
        monkeypatch.setattr("mlpo_core.chain.stage.fingerprint", lambda *modules: code.fingerprint(*modules)[:4] + word)

    return edit


def test_an_accepted_version_is_reused_and_the_reason_is_kept(tmp_path, other_code, monkeypatch):
    store = Store(str(tmp_path))
    made = run(resolve("tasks", experiment(), store)).ref
    assert made
    other_code("edited")
    assert store.find("tasks", resolve_key(store)) is None
    [accepted] = accept(experiment(), store, "a docstring's default was renamed", ["tasks"])
    assert accepted.ref == made
    again = run(resolve("tasks", experiment(), store))
    assert again.reused
    assert again.ref == made
    [record] = (tmp_path / "accepted" / "tasks").iterdir()
    kept = json.loads(record.read_text())
    assert kept["why"] == "a docstring's default was renamed"
    assert kept["made_by"] != kept["code"]


def test_what_could_be_kept_is_said_before_it_is_made_again(tmp_path, other_code, capsys):
    store = Store(str(tmp_path))
    made = run(resolve("tasks", experiment(), store)).ref
    assert made
    assert "mlpo accept" not in capsys.readouterr().err
    other_code("edited")
    run(resolve("tasks", experiment(), store))
    said = capsys.readouterr().err
    assert f"version {made.key} differs in its code alone" in said
    assert "mlpo accept kept tasks --why" in said


def test_other_settings_are_never_accepted(tmp_path, other_code):
    store = Store(str(tmp_path))
    run(resolve("tasks", experiment(), store))
    other_code("edited")
    changed = experiment().model_copy(update={"tasks": (experiment().tasks[0].model_copy(update={"train": 5}),)})
    assert list(accept(changed, store, "because")) == []


def test_a_setting_that_there_was_not_yet_counts_as_its_default(tmp_path, other_code):
    store = Store(str(tmp_path))
    made = run(resolve("tasks", experiment(), store)).ref
    assert made
    file = tmp_path / "tasks" / made.key / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["config"]["config"]["tasks"][0]["source"]
    del manifest["config"]["config"]["engine"]["dtype"]
    manifest["config"]["config"]["engine"]["base_url"] = "http://once-part-of-keys/v1"
    file.write_text(json.dumps(manifest))
    other_code("edited")
    other = experiment()
    other = other.model_copy(update={"tasks": (other.tasks[0].model_copy(update={"source": "elsewhere"}),)})
    assert list(accept(other, store, "because", ["tasks"])) == [], "it is set to something else now"
    assert [accepted.ref.key for accepted in accept(experiment(), store, "because", ["tasks"])] == [made.key]
    manifest["config"]["config"]["engine"]["of_old"] = 1
    file.write_text(json.dumps(manifest))
    other_code("again")
    assert list(accept(experiment(), store, "because", ["tasks"])) == [], "a setting that is gone may have mattered"


def test_an_accepted_version_that_is_gone_is_made_again_and_said(tmp_path, other_code, capsys):
    import shutil

    store = Store(str(tmp_path))
    made = run(resolve("tasks", experiment(), store)).ref
    assert made
    other_code("edited")
    list(accept(experiment(), store, "the same rows", ["tasks"]))
    shutil.rmtree(tmp_path / "tasks" / made.key)
    again = run(resolve("tasks", experiment(), store))
    assert not again.reused
    assert again.ref
    assert again.ref.digest == made.digest
    assert f"version {made.key}, accepted for" in capsys.readouterr().err


def test_a_reason_and_an_asset_are_needed(tmp_path):
    with pytest.raises(BadInput, match="accept needs --why"):
        list(accept(experiment(), Store(str(tmp_path)), "  "))
    with pytest.raises(BadInput, match="'task' is no asset"):
        list(accept(experiment(), Store(str(tmp_path)), "because", ["task"]))


def resolve_key(store: Store) -> str:
    from mlpo_core.chain.keys import key

    spec = resolve("tasks", experiment(), store)
    return key("tasks", spec.source)

"""An experiment that tests another one's leaders: what is shared, what is made anew, and what is refused."""

from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.spec import resolve, versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.rounds.contamination import check_disjoint
from mlpo_core.store import Dataset, Origin, Store
from tests import mini_chain as mini

TRAINING = {"sft_dataset", "sft_leader", "mlpo_dataset", "mlpo_leader", "grpo_leader"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A root; beside it the experiments `home`, and `away` with another team that is led by the leaders of `home`."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    home = {
        "name": "home",
        "tasks": [{"benchmark": "procedural", "train": 1, "dev": 1, "test": 1}],
        "team": {"agents": [{"name": a, "model": "pretrain:llama"} for a in mini.AGENTS]},
        "leader": {"model": "pretrain:qwen3"},
    }
    away = {**home, "name": "away", "trained_by": "home"}
    away["team"] = {"agents": [{"name": "other", "model": "pretrain:gemma2"}]}
    for raw in (home, away, {**away, "name": "chained", "trained_by": "away"}):
        (tmp_path / f"{raw['name']}.yaml").write_text(yaml.safe_dump(raw))
    return mini.store(tmp_path)


def make_all(store: Store, name: str, until: str = "published_leader") -> None:
    """Commit an empty version of everything that an experiment asks for and that is not there."""
    for asset in list(STAGES)[: list(STAGES).index(until) + 1]:
        spec = resolve(asset, find(name), store)
        if STAGES[asset].skipped(spec.experiment) or store.find(asset, key(asset, spec.source)):
            continue
        writer = store.writer(asset, key(asset, spec.source))
        writer.write(0, [])
        writer.commit(spec.source, {})


def test_leaders_are_the_others_and_all_else_is_its_own(store: Store) -> None:
    make_all(store, "home")
    make_all(store, "away")
    home, away = versions(find("home"), store), versions(find("away"), store)
    assert home.keys() == away.keys() == STAGES.keys() - {"deferral_leader", "score_leader", "dev_rounds"}
    shared = {asset for asset in home if home[asset].key == away[asset].key}
    assert shared >= TRAINING | {"tasks"}
    own = {"base_models", "agent_proposals", "benchmark_proposals", "team_rounds", "benchmark_report"}
    assert not shared & (own | {"published_leader"})
    spec = resolve("team_rounds", find("away"), store)
    assert spec.inputs["mlpo_leader"] == home["mlpo_leader"] and spec.inputs["base_models"] == away["base_models"]
    assert resolve("mlpo_leader", find("away"), store).partition == "away"


def test_leaders_that_are_not_there_yet_name_the_experiment_that_trains_them(store: Store) -> None:
    make_all(store, "home", until="hard_tasks")
    with pytest.raises(BadInput, match=r"mlpo_leader needs sft_leader.*run home sft_dataset"):
        resolve("mlpo_leader", find("away"), store)


def test_leaders_at_third_hand_are_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="away trains no leader itself: name home"):
        resolve("mlpo_leader", find("chained"), store)


def test_a_leader_is_not_tested_on_what_it_was_trained_on(store: Store) -> None:
    def tasks(label: str, splits: str) -> Dataset:
        writer = store.writer("tasks", label)
        names = {"r": "train", "t": "test"}
        writer.write(0, [mini.task(n, names[s]) for n, s in enumerate(splits)])
        writer.commit(mini.ORIGIN, {})
        ref = store.find("tasks", label)
        assert ref
        return Dataset(ref)

    trained, other = tasks("one", "rrt"), tasks("two", "ttt")
    writer = store.writer("mlpo_leader", "k")
    writer.write(0, [])
    writer.commit(Origin({"tasks": trained.ref.digest}, {"tasks": trained.ref.key}, {}, {}), {})
    ref = store.find("mlpo_leader", "k")
    assert ref
    leader = {"mlpo_leader": Dataset(ref)}
    check_disjoint(leader, trained, store)
    check_disjoint(leader, tasks("three", "  t".replace(" ", "r")), store)
    with pytest.raises(BadInput, match=r"mlpo_leader was trained on 2 of the test tasks \(t00000, t00001\)"):
        check_disjoint(leader, other, store)


def test_keys_of_other_stages_do_not_read_who_trained(store: Store) -> None:
    away = find("away")
    assert "trained_by" not in origin(STAGES["tasks"], away, {}).config["config"]


def test_a_leader_that_the_other_does_not_train_is_refused_in_words(store: Store, tmp_path: Path) -> None:
    found = {name: yaml.safe_load((tmp_path / f"{name}.yaml").read_text()) for name in ("home", "away")}
    found["away"]["benchmark"] = {"methods": ["mlpo_leader", "score_leader/solo"]}
    (tmp_path / "away.yaml").write_text(yaml.safe_dump(found["away"]))
    with pytest.raises(BadInput, match=r"score_leader/solo is answered by the score_leader of home .*Name it there"):
        find("away")
    found["home"]["benchmark"] = {"methods": ["score_leader/first"]}
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(found["home"]))
    assert find("away").trained_by == "home"

"""Which inputs are current: those that the experiment resolves to, whoever made them first."""

from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.current import require_current
from mlpo_core.chain.experiments import find
from mlpo_core.chain.keys import key
from mlpo_core.chain.spec import resolve, versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from tests import mini_chain as mini


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    write(tmp_path, "first", 0.75)
    write(tmp_path, "copy", 0.7)
    return mini.store(tmp_path)


def write(folder: Path, name: str, rate: float) -> None:
    experiment = {
        "name": name,
        "tasks": [{"benchmark": "procedural", "train": 1, "dev": 1, "test": 1}],
        "team": {"agents": [{"name": a, "model": "pretrain:llama"} for a in mini.AGENTS]},
        "leader": {"model": "pretrain:qwen3"},
        "filter": {"max_correct_rate": rate},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(experiment))


def make_all(store: Store, name: str, fresh: str = "") -> None:
    """Commit an empty version of all that is not there, and point to every version: all digests are the same."""
    for asset in STAGES:
        spec = resolve(asset, find(name), store).model_copy(update={"fresh": fresh})
        if STAGES[asset].skipped(spec.experiment):
            continue
        wanted = key(asset, spec.source)
        if not store.find(asset, wanted):
            writer = store.writer(asset, wanted)
            writer.write(0, [])
            writer.commit(spec.source, {})
        ref = store.find(asset, wanted)
        assert ref
        store.point(name, ref)


def inputs(store: Store, name: str, asset: str) -> dict[str, Dataset]:
    return {i: Dataset(ref) for i in STAGES[asset].inputs if (ref := store.pointed(name, i))}


def test_what_other_settings_made_first_is_current_where_it_is_shared(store: Store) -> None:
    make_all(store, "first")
    make_all(store, "copy")
    first, copy = versions(find("first"), store), versions(find("copy"), store)
    assert first["hard_tasks"].key != copy["hard_tasks"].key
    assert first["mlpo_leader"].key == copy["mlpo_leader"].key, "the danger is real"
    for asset in STAGES:
        require_current(inputs(store, "copy", asset), find("copy"), store)


def test_what_the_settings_of_now_would_not_find_is_refused(store: Store, tmp_path: Path) -> None:
    make_all(store, "first")
    write(tmp_path, "first", 0.6)
    with pytest.raises(
        BadInput, match=r"^hard_tasks was made before filter.max_correct_rate .* materialize hard_tasks"
    ):
        require_current(inputs(store, "first", "mlpo_leader"), find("first"), store)
    require_current(inputs(store, "first", "benchmark_proposals"), find("first"), store)


def test_what_a_fresh_run_made_is_current(store: Store) -> None:
    make_all(store, "first")
    make_all(store, "first", fresh="monday")
    for asset in STAGES:
        require_current(inputs(store, "first", asset), find("first"), store)

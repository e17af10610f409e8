"""Names that come from outside lead nowhere but into their folder, and only what a manifest lists is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from mlpo_core.store.digest import combine_digests, file_sha256
from mlpo_core.store.files import Folder
from mlpo_core.store.names import decoded, encoded, inside
from tests import mini_chain


@pytest.fixture
def leader(tmp_path: Path) -> Dataset:
    """A committed leader of two files."""
    local = tmp_path / "local"
    local.mkdir()
    (local / "model.safetensors").write_bytes(b"weights")
    (local / "config.json").write_text("{}")
    store = Store(str(tmp_path / "data"))
    writer = store.writer("mlpo_leader", "k")
    writer.write(0, [{"step": 1, "metric": "loss", "value": 0.5}])
    writer.put_folder("checkpoint", local)
    writer.commit(mini_chain.ORIGIN, {})
    ref = store.find("mlpo_leader", "k")
    assert ref
    return Dataset(ref)


def edit(dataset: Dataset, change: Any) -> None:
    """Change a manifest so that it agrees with itself again, as an attacker would."""
    file = Path(Folder(dataset.ref.url).path("manifest.json"))
    manifest = json.loads(file.read_text())
    change(manifest)
    weights = [f["sha256"] for name, f in sorted(manifest["files"].items()) if name.startswith("checkpoint")]
    manifest["digest"] = combine_digests([p["digest"] for p in manifest["parts"]] + weights)
    file.write_text(json.dumps(manifest))


def a_file_elsewhere(manifest: dict[str, Any]) -> None:
    manifest["files"]["checkpoint/../../outside"] = manifest["files"]["checkpoint/config.json"]


def an_absolute_file(manifest: dict[str, Any]) -> None:
    manifest["files"]["/etc/passwd"] = manifest["files"]["checkpoint/config.json"]


def a_folder_elsewhere(manifest: dict[str, Any]) -> None:
    manifest["folders"]["checkpoint"] = "../../local"


def a_part_elsewhere(manifest: dict[str, Any]) -> None:
    manifest["parts"][0]["name"] = "../k/part-000000.parquet"


def a_part_twice(manifest: dict[str, Any]) -> None:
    manifest["parts"].append(manifest["parts"][0])
    manifest["rows"] *= 2


def another_key(manifest: dict[str, Any]) -> None:
    manifest["key"] = "../../x"


@pytest.mark.parametrize(
    "change", [a_file_elsewhere, an_absolute_file, a_folder_elsewhere, a_part_elsewhere, a_part_twice, another_key]
)
def test_a_manifest_that_names_what_is_not_in_its_folder_is_refused(leader: Dataset, change, tmp_path: Path) -> None:
    folder = Path(Folder(leader.ref.url).path())
    for file in (folder.parent / "outside", *(c.parent / "outside" for c in folder.glob("checkpoint-*"))):
        file.write_text("{}")  # what the name leads to is there, so that nothing else is missing
    edit(leader, change)
    before = sorted(tmp_path.rglob("outside"))
    with pytest.raises(BadInput, match=r"damaged: manifest\.json (names|is that of another)"):
        Dataset(leader.ref, sets_aside=False).local_folder("checkpoint")
    assert sorted(tmp_path.rglob("outside")) == before


def test_a_folder_that_no_file_of_the_manifest_is_in_is_no_model(leader: Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no folder"):
        leader.local_folder("../../../local")


def test_a_file_that_the_manifest_does_not_list_is_not_loaded(leader: Dataset) -> None:
    folder = leader.local_folder("checkpoint")
    (folder / ".tmp-half").write_text("what a killed upload left")
    assert leader.local_folder("checkpoint") == folder
    (folder / "special_tokens_map.json").write_text("{}")
    with pytest.raises(BadInput, match=r"special_tokens_map\.json is not in manifest\.json"):
        Dataset(leader.ref).local_folder("checkpoint")
    assert folder.exists(), "weights are not thrown away for it"


def test_a_download_that_was_changed_is_downloaded_again(leader: Dataset, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert leader.manifest.files  # read, and from now on kept, while the root is still a disk
    monkeypatch.setattr(leader._folder, "is_local", False)  # the way of a remote root, over the same files
    monkeypatch.setattr(
        leader._folder, "download", lambda n, to: to.write_bytes(Path(leader._folder.path(n)).read_bytes())
    )
    folder = leader.local_folder("checkpoint")
    assert tmp_path / "cache" in folder.parents
    expected = file_sha256(folder / "model.safetensors")
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    (folder / "added.json").write_text("{}")
    assert leader.local_folder("checkpoint") == folder
    assert file_sha256(folder / "model.safetensors") == expected
    assert not (folder / "added.json").exists()


def test_a_copy_of_a_part_adds_no_rows(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    writer = store.writer("tasks", "k")
    writer.write(0, [mini_chain.task(0)])
    folder = Path(store.folder.path()) / "tasks" / "k"
    part = (folder / "part-000000.parquet").read_bytes()
    for name in ("part-000000 (1).parquet", "part-000000.sync-conflict-1.parquet"):
        (folder / name).write_bytes(part)
    assert writer.done() == {0}
    assert writer.commit(mini_chain.ORIGIN, {}).rows == 1


@pytest.mark.parametrize("name", ["", "/etc/x", "..", "a/../b", "a//b", "./a", "a/", "a\\..\\b", "a\0", "a\nb"])
def test_names_that_lead_out_are_told(name: str) -> None:
    assert not inside(name)


def test_a_partition_is_one_folder_and_comes_back() -> None:
    for name in ("tiny", "s--seed=1", "s--leader.model=org/name--x=[1,2]", "..", "a%2Fb", ".hidden", "größe?#"):
        folder = encoded(name)
        assert "/" not in folder and folder not in (".", "..") and decoded(folder) == name
    assert encoded("s--seed=1") == "s--seed=1"
    with pytest.raises(BadInput, match="255"):
        encoded("x" * 256)

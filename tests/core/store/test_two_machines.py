"""Two machines that make one version on a real S3 server: who comes second damages nothing and deletes nothing."""

from pathlib import Path

import pytest

from mlpo_core.store import Dataset, Store, Writer
from mlpo_core.store.files import Folder
from mlpo_core.store.leftovers import leftovers, sweep
from mlpo_core.store.scratch import PARTIAL
from tests import mini_chain
from tests.core.store.test_catalog import NOW

pytestmark = pytest.mark.slow
KEY = "0123456789abcdef0123"


class Machine:
    """One of several that share an object store, with a cache of its own."""

    def __init__(self, root: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        self.writer: Writer = Store(root).writer("sft_leader", KEY)
        self.trainer = self.writer.scratch() / "trainer"

    def train(self, step: int, weights: str) -> Path:
        """Write a checkpoint and keep it."""
        folder = self.trainer / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "weights").write_text(weights)
        (folder / "complete.json").write_text(f"of {weights}")
        self.writer.keep(folder)
        return folder


@pytest.fixture
def machines(s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Three, of which the last begins when the others are gone."""
    return [Machine(s3_root, tmp_path / name, monkeypatch) for name in ("one", "two", "three")]


def test_a_beaten_writer_changes_nothing_of_a_finished_version(s3_root: str) -> None:
    first, second = (Store(s3_root).writer("tasks", KEY) for _ in range(2))
    first.put("plots/a.png", b"of the first")
    second.put("card.md", b"of the second, before")
    for writer in (first, second):
        writer.write(0, [mini_chain.task(0)])
    made = first.commit(mini_chain.ORIGIN, {})
    second.put("plots/a.png", b"of the second, as long as it likes")
    second.put("card.md", b"of the second")
    assert second.get("plots/a.png") == b"of the second, as long as it likes"
    assert second.commit(mini_chain.ORIGIN, {}) == made
    ref = Store(s3_root).find("tasks", KEY)
    assert ref
    dataset = Dataset(ref)
    assert dataset.manifest == made and dataset.read_file("plots/a.png") == b"of the first"
    sweep(leftovers(Store(s3_root), NOW))
    assert sorted(Folder(ref.url).names()) == sorted(
        ["manifest.json", "part-000000.parquet", *map(made.stored_name, made.files)]
    )
    assert Dataset(ref).read_file("plots/a.png") == b"of the first"


def test_files_of_an_interrupted_run_are_found_by_the_next(s3_root: str) -> None:
    Store(s3_root).writer("tasks", KEY).put("dropped/000000.json", b"1")
    again = Store(s3_root).writer("tasks", KEY)
    assert again.get("dropped/000000.json") == b"1" and again.get("dropped/000001.json") is None
    Store(s3_root).writer("tasks", KEY).put("dropped/000001.json", b"2")
    assert again.get("dropped/000001.json") == b"2", "another process of the same training"
    again.write(0, [mini_chain.task(0)])
    again.put("dropped/000000.json", b"3")
    again.commit(mini_chain.ORIGIN, {})
    ref = Store(s3_root).find("tasks", KEY)
    assert ref
    dataset = Dataset(ref)
    assert sorted(dataset.manifest.files) == ["dropped/000000.json", "dropped/000001.json"]
    assert [dataset.read_file(name) for name in sorted(dataset.manifest.files)] == [b"3", b"2"]


def test_machines_neither_mix_nor_delete_checkpoints_of_one_another(s3_root: str, machines: list[Machine]) -> None:
    one, two, three = machines
    first = one.train(2, "one")
    two.train(2, "two")
    two.train(4, "two")
    (first / "weights").unlink()
    (first / "complete.json").unlink()
    first.rmdir()
    one.train(6, "one")
    three.writer.restore(three.trainer)
    found = {p.name: (p / "weights").read_text() for p in three.trainer.iterdir()}
    assert found == {"checkpoint-2": "two", "checkpoint-4": "two", "checkpoint-6": "one"}
    assert all((p / "complete.json").read_text() == f"of {found[p.name]}" for p in three.trainer.iterdir())


def test_a_checkpoint_that_is_not_what_its_name_says_is_not_restored(s3_root: str, machines: list[Machine]) -> None:
    one, two, _ = machines
    one.train(2, "good")
    one.train(4, "bad")
    kept = Store(s3_root).folder.join("sft_leader", KEY).beside(PARTIAL)
    [damaged] = [name for name in kept.names() if "checkpoint-4-" in name and name.endswith("weights")]
    kept.replace(damaged, b"BAD")
    two.writer.restore(two.trainer)
    assert [p.name for p in two.trainer.iterdir()] == ["checkpoint-2"]


def test_nothing_is_kept_for_a_version_that_is_finished(s3_root: str, machines: list[Machine]) -> None:
    one, two, _ = machines
    one.train(2, "one")
    one.writer.write(0, [{"step": 1, "metric": "loss", "value": 0.5}])
    one.writer.commit(mini_chain.ORIGIN, {})
    two.train(2, "two")
    assert Store(s3_root).folder.join("sft_leader", KEY).beside(PARTIAL).names() == []

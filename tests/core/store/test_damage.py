"""A damaged version is never used in silence: it is set aside, loudly, and made again on demand."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store, VersionRef
from mlpo_core.store.catalog import versions
from tests import mini_chain


@pytest.fixture
def made(tmp_path: Path) -> tuple[Store, VersionRef, Path]:
    store = Store(str(tmp_path / "data"))
    ref = run(resolve("tasks", mini_chain.experiment(), store)).ref
    assert ref
    return store, ref, tmp_path / "data" / "tasks" / ref.key


def shorten(folder: Path) -> None:
    part = folder / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:-9])


def lose(folder: Path) -> None:
    (folder / "part-000000.parquet").unlink()


def cut_manifest(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])


def _edit(folder: Path, change: Callable[[dict], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def claim_more_rows(folder: Path) -> None:
    _edit(folder, lambda m: m.update(rows=m["rows"] + 1))


def claim_another_digest(folder: Path) -> None:
    _edit(folder, lambda m: m["parts"][0].update(digest="0" * 64))


def flip(folder: Path) -> None:
    """One bit of a column's values: same size, valid footer."""
    part = folder / "part-000000.parquet"
    column = pq.read_metadata(part).row_group(0).column(0)
    last = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1
    data = bytearray(part.read_bytes())
    data[last] ^= 1
    part.write_bytes(bytes(data))


AT_ONCE = [shorten, lose, cut_manifest, claim_more_rows, claim_another_digest]


@pytest.mark.parametrize("damage", AT_ONCE)
def test_damage_that_shows_is_found_when_the_version_is_resolved_and_made_again(made, damage, capsys) -> None:
    store, ref, folder = made
    damage(folder)
    assert store.find("tasks", ref.key) is None
    [entry] = versions(store)
    assert entry.damage and not entry.finished
    again = run(resolve("tasks", mini_chain.experiment(), store))
    assert not again.reused and again.ref == ref
    assert Dataset(ref).count() == len(list(Dataset(ref).rows())) == 3
    said = capsys.readouterr().err
    assert said.count("WARNING: tasks") == 1 and "is damaged" in said
    [aside] = (folder.parents[1] / "quarantine" / "tasks").iterdir()
    assert aside.name.startswith(ref.key) and (aside / "manifest.json").exists()


@pytest.mark.parametrize("damage", AT_ONCE)
def test_a_reference_to_it_is_refused(made, damage) -> None:
    _, ref, folder = made
    damage(folder)
    with pytest.raises(BadInput, match=r"is damaged: .*materialize tasks again"):
        list(Dataset(ref).rows())
    with pytest.raises(BadInput, match="is not there"):
        list(Dataset(ref).rows())


def test_damage_within_a_part_is_found_when_it_is_read(made) -> None:
    store, ref, folder = made
    flip(folder)
    assert store.find("tasks", ref.key) == ref
    with pytest.raises(BadInput, match=r"damaged: part-000000\.parquet.*materialize tasks again"):
        list(Dataset(ref).rows())
    assert store.find("tasks", ref.key) is None
    assert not run(resolve("tasks", mini_chain.experiment(), store)).reused
    assert len(list(Dataset(ref).rows())) == 3


def test_no_flipped_bit_is_read(tmp_path: Path) -> None:
    store = mini_chain.store(tmp_path)
    rows = [mini_chain.proposal(mini_chain.task(n), "alpha", 0, str(n)) for n in range(20)]
    ref = mini_chain.put(store, "agent_proposals", rows).ref
    folder = Path(store.folder.path()) / "agent_proposals" / "k"
    whole = shutil.copytree(folder, tmp_path / "whole")
    part = folder / "part-000000.parquet"
    data = part.read_bytes()
    page = pq.read_metadata(part).row_group(0).column(1).data_page_offset
    header = [8 * byte + bit for byte in range(page, page + 40) for bit in (0, 5)]  # no checksum covers a page's header
    for position in [*header, *random.Random(0).sample(range(8 * len(data)), 40)]:
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        part.write_bytes(bytes(flipped))
        with pytest.raises(BadInput, match=r"part-000000\.parquet is not what manifest\.json says"):
            Dataset(ref).table(["task_id"])
        shutil.copytree(whole, folder)


def test_a_stage_on_a_damaged_input_fails_once_and_the_chain_heals(made, capsys) -> None:
    store, ref, folder = made
    flip(folder)
    config = mini_chain.experiment()
    spec = resolve("base_models", config, store).model_copy(update={"inputs": {"tasks": ref}})
    with pytest.raises(BadInput, match="materialize tasks again"):
        list(Dataset(spec.inputs["tasks"] or ref).rows())
    with pytest.raises(BadInput, match="run mini tasks"):
        resolve("base_models", config, store)
    assert run(resolve("tasks", config, store)).ref == ref
    assert resolve("base_models", config, store).inputs["tasks"] == ref


def test_weights_are_verified_before_they_are_loaded(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    (local / "model.safetensors").write_bytes(b"weights")
    store = Store(str(tmp_path / "data"))
    writer = store.writer("mlpo_leader", "k")
    writer.write(0, [{"step": 1, "metric": "loss", "value": 0.5}])
    writer.put_folder("checkpoint", local)
    writer.put("plots/training.png", b"a picture")
    writer.commit(mini_chain.ORIGIN, {})
    ref = store.find("mlpo_leader", "k")
    assert ref
    assert (Dataset(ref).local_folder("checkpoint") / "model.safetensors").read_bytes() == b"weights"
    stored = Path(store.folder.path()) / "mlpo_leader" / "k"
    (stored / "plots" / "training.png").write_bytes(b"b picture")
    with pytest.raises(BadInput, match=r"plots/training\.png is not what manifest\.json says"):
        Dataset(ref).read_file("plots/training.png")
    [aside] = (stored.parents[1] / "quarantine" / "mlpo_leader").iterdir()
    aside.rename(stored)
    [weights] = stored.glob("checkpoint-*/model.safetensors")
    weights.write_bytes(b"WEIGHTS")
    with pytest.raises(BadInput, match=r"checkpoint/model\.safetensors is not what manifest\.json says"):
        Dataset(ref).local_folder("checkpoint")
    assert store.find("mlpo_leader", "k") is None


def test_a_damaged_part_of_an_unfinished_version_is_made_again(tmp_path: Path) -> None:
    store = mini_chain.store(tmp_path)
    writer = store.writer("hard_tasks", "k")
    for part in range(2):
        writer.write(part, [mini_chain.hard(mini_chain.task(part))])
    stored = Path(store.folder.path()) / "hard_tasks" / "k" / "part-000001.parquet"
    stored.write_bytes(stored.read_bytes()[:40])
    with pytest.raises(BadInput, match=r"part-000001\.parquet was damaged .* run the same command again"):
        store.writer("hard_tasks", "k").commit(mini_chain.ORIGIN, {})
    again = store.writer("hard_tasks", "k")
    assert again.done() == {0}


def test_the_command_line_heals_and_tells(made, capsys, monkeypatch) -> None:
    store, ref, folder = made
    shorten(folder)
    assert main(["versions", "--root", store.root]) == 0
    assert "damaged: part-000000.parquet has" in capsys.readouterr().out
    assert main(["prune", "--root", store.root]) == 0
    assert "would delete" not in capsys.readouterr().out, "an experiment still points to it"
    run(resolve("tasks", mini_chain.experiment(), store))
    assert main(["prune", "--root", store.root, "--hours", "0", "--yes"]) == 0
    assert f"deleting damaged version {folder.parents[1]}/quarantine/tasks/{ref.key}" in capsys.readouterr().out
    assert not list((folder.parents[1] / "quarantine" / "tasks").iterdir())

import os
import shutil
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.store import Origin, Store, VersionRef
from mlpo_core.store.catalog import ANY, RUNNING, Entry, prunable, prune, versions
from mlpo_core.store.leases import LEASES, leased
from mlpo_core.store.leftovers import leftovers, sweep
from mlpo_core.store.names import MARKER
from tests.support import REPOSITORY

NOW = timedelta(0)
T1, T2, H1, HALF = ("a1" * 10, "a2" * 10, "b1" * 10, "c1" * 10)

TASK = {
    "task_id": "t",
    "benchmark": "bbh",
    "subject": "navigate",
    "split": "train",
    "question": "?",
    "choices": [],
    "answer": "Yes",
    "answer_kind": "exact",
}
HARD = {
    "task_id": "t",
    "benchmark": "bbh",
    "split": "train",
    "n": 1,
    "n_correct": 0,
    "correct_rate": 0.0,
    "kept": True,
    "reason": "kept",
}


def put(store: Store, asset: str, key: str, row: Mapping[str, object], **input_keys: str) -> VersionRef:
    writer = store.writer(asset, key)
    writer.write(0, [dict(row)])
    writer.commit(Origin(inputs={}, input_keys=dict(input_keys), config={}, versions={}), {})
    ref = store.find(asset, key)
    assert ref is not None
    return ref


def test_a_version_is_used_by_experiments_that_reach_it_through_inputs(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", T1, TASK)
    put(store, "tasks", T2, TASK)
    store.point("tiny", put(store, "hard_tasks", H1, HARD, tasks=T1))
    used = {(e.asset, e.key): e.used_by for e in versions(store)}
    assert used == {("tasks", T1): ("tiny",), ("tasks", T2): (), ("hard_tasks", H1): ("tiny",)}


def test_prune_deletes_only_what_nothing_reaches_and_only_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(str(tmp_path))
    store.point("tiny", put(store, "tasks", T1, TASK))
    put(store, "tasks", T2, TASK)
    assert main(["prune", "--hours", "0", "--root", str(tmp_path)]) == 0
    assert f"would delete tasks {T2}" in capsys.readouterr().out
    assert store.find("tasks", T2) is not None
    assert main(["prune", "--hours", "0", "--root", str(tmp_path), "--yes"]) == 0
    assert store.find("tasks", T2) is None and store.find("tasks", T1) is not None


def test_prune_names_experiments_without_a_file_and_lets_them_go_when_told(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments = tmp_path / "experiments-of-the-test"
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(experiments))
    experiments.mkdir()
    (experiments / "tiny.yaml").write_text((REPOSITORY / "experiments" / "tiny.yaml").read_text())
    root = str(tmp_path / "root")
    store = Store(root)
    shared, own = put(store, "tasks", T1, TASK), put(store, "tasks", T2, TASK)
    store.point("tiny", shared)
    store.point("gone", own)
    store.point("gone", put(store, "hard_tasks", H1, HARD, tasks=T1))
    assert main(["prune", "--hours", "0", "--root", root, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "kept for gone, which has no file in" in said and "tiny" not in said
    assert store.find("tasks", T2) and store.find("hard_tasks", H1)
    assert main(["prune", "--hours", "0", "--root", root, "--yes", "--forget", "tiny"]) == 2
    assert "those are: gone" in capsys.readouterr().err
    assert main(["prune", "--hours", "0", "--root", root, "--yes", "--forget", "gone"]) == 0
    assert store.find("tasks", T2) is None and store.find("hard_tasks", H1) is None
    assert store.find("tasks", T1) and [(u.partition, u.ref) for u in store.pointers()] == [("tiny", shared)]


def test_unfinished_versions_are_listed_and_never_pruned(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.writer("tasks", HALF).write(0, [TASK])
    entries = versions(store)
    assert [(e.key, e.finished) for e in entries] == [(HALF, False)]
    assert entries[0].bytes > 0 and prunable(entries, NOW) == []


def test_a_pruned_version_is_gone_whole(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", T2, TASK)
    prune(store, prunable(versions(store), NOW))
    assert not (tmp_path / "tasks" / T2).exists()


def test_versions_of_sweep_points_whose_values_are_paths_are_used(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    ref = put(store, "tasks", T1, TASK)
    store.point("sweep--leader.model=org/name", ref)
    assert [e.used_by for e in versions(store)] == [("sweep--leader.model=org/name",)]
    assert store.pointed("sweep--leader.model=org/name", "tasks") == ref
    old = tmp_path / "experiments" / "other--model=org" / "name"
    old.mkdir(parents=True)
    (old / "tasks.json").write_text(ref.model_dump_json())
    store.unpoint("sweep--leader.model=org/name", "tasks")
    assert [e.used_by for e in versions(store)] == [("other--model=org/name",)]
    assert store.pointed("other--model=org/name", "tasks") == ref and prunable(versions(store), NOW) == []


def test_a_copied_root_is_read_where_it_is(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "one"))
    store.point("tiny", put(store, "tasks", T1, TASK))
    (tmp_path / "one").rename(tmp_path / "two")
    ref = Store(str(tmp_path / "two")).pointed("tiny", "tasks")
    assert ref and ref.url == (tmp_path / "two" / "tasks" / T1).as_uri()
    pointer = tmp_path / "two" / "experiments" / "tiny" / "tasks.json"
    pointer.write_text(ref.model_copy(update={"url": "s3://elsewhere/tasks/t1"}).model_dump_json())
    assert Store(str(tmp_path / "two")).pointed("tiny", "tasks") == ref


def unused(store: Store) -> list[str]:
    """Keys that `prune` would delete at any age."""
    return [entry.key for entry in prunable(versions(store), NOW)]


def old(path: Path) -> None:
    """Let everything below a folder be two days old."""
    for each in [path, *path.rglob("*")]:
        os.utime(each, (time.time() - 172800, time.time() - 172800), follow_symlinks=False)


@pytest.mark.parametrize("linked", ["tasks", f"tasks/{T1}", "quarantine"])
def test_what_a_link_leads_to_is_never_deleted(tmp_path: Path, linked: str) -> None:
    other, store = Store(str(tmp_path / "other")), Store(str(tmp_path / "root"))
    put(other, "tasks", T1, TASK)
    other.writer("tasks", T2).write(0, [TASK])
    shutil.copytree(
        tmp_path / "other" / "tasks" / T1, tmp_path / "other/quarantine/tasks" / f"{T1}-20260101T000000-{1:08}"
    )
    put(store, "hard_tasks", H1, HARD)
    (tmp_path / "root" / linked).parent.mkdir(exist_ok=True)
    (tmp_path / "root" / linked).symlink_to(tmp_path / "other" / linked)
    old(tmp_path / "other")
    before = sorted((tmp_path / "other").rglob("*"))
    assert [entry.asset for entry in versions(store)] == ["hard_tasks"]
    assert leftovers(store, NOW) == []
    assert main(["prune", "--hours", "0", "--root", str(tmp_path / "root"), "--yes"]) == 0
    assert sorted((tmp_path / "other").rglob("*")) == before


def test_links_in_a_version_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "root"))
    put(store, "tasks", T1, TASK)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "root" / "tasks" / T1 / "checkpoint-0123456789ab").symlink_to(tmp_path / "mine")
    sweep(leftovers(store, NOW))
    prune(store, prunable(versions(store), NOW))
    assert not (tmp_path / "root" / "tasks" / T1).exists() and (tmp_path / "mine" / "file").read_text() == "mine"


def test_only_names_that_versions_and_their_files_have_are_deleted(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", "my-own-notes", TASK)
    for name in ("photos/a.jpg", "quarantine/x.txt", "photos.partial/b.jpg", f"{T1}x/c.jpg"):
        (tmp_path / "tasks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tasks" / name).write_text("mine")
    put(store, "tasks", T1, TASK)
    store.point("tiny", put(store, "tasks", T1, TASK))
    (tmp_path / "tasks" / T1 / "notes.md").write_text("mine")
    (tmp_path / "tasks" / T1 / f".tmp-{0:032}").write_text("half")
    (tmp_path / "tasks" / T1 / "part-000007.parquet").write_text("of a writer that came second")
    old(tmp_path)
    assert sorted(found.name for found in leftovers(store)) == [f".tmp-{0:032}", "part-000007.parquet"]
    assert unused(store) == []


def test_a_folder_of_something_else_is_no_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tasks" / "monday").mkdir(parents=True)
    store = Store(str(tmp_path))
    assert versions(store) == [] and leftovers(store, NOW) == []
    with pytest.raises(BadInput, match=f"holds 'tasks', and no {MARKER}"):
        store.writer("tasks", T1)
    assert [path.name for path in tmp_path.iterdir()] == ["tasks"]
    (tmp_path / MARKER).touch()
    put(Store(str(tmp_path)), "tasks", T1, TASK)


@pytest.mark.parametrize(
    "held", [f"tasks/{T1}/manifest.json", f"sft_leader/{T1}.partial/x", "experiments/tiny/tasks.json"]
)
def test_a_root_from_before_there_were_marks_is_marked_when_it_is_written_to(tmp_path: Path, held: str) -> None:
    (tmp_path / held).parent.mkdir(parents=True)
    (tmp_path / held).write_text("{}")
    versions(Store(str(tmp_path)))
    assert not (tmp_path / MARKER).exists()
    put(Store(str(tmp_path)), "hard_tasks", H1, HARD)
    assert (tmp_path / MARKER).exists()


def test_a_new_disk_can_be_a_root(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    put(Store(str(tmp_path)), "tasks", T1, TASK)
    assert (tmp_path / MARKER).exists()


def test_what_is_young_is_not_pruned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", T1, TASK)
    assert prunable(versions(store), timedelta(hours=1)) == []
    assert main(["prune", "--root", str(tmp_path), "--yes"]) == 0
    assert "0 versions and 0 leftovers, 0.00 MB; 1 more will be old enough" in capsys.readouterr().out
    assert store.find("tasks", T1)


def test_what_a_lease_names_and_what_that_was_made_of_is_not_pruned(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", T1, TASK)
    put(store, "hard_tasks", H1, HARD, tasks=T1)
    store.writer("sft_dataset", HALF).scratch().joinpath("state").write_text("unfinished")
    old(tmp_path)
    with leased(store.folder, [("hard_tasks", H1), ("sft_dataset", HALF)]):
        assert {(e.asset, e.used_by) for e in versions(store)} == {("tasks", (RUNNING,)), ("hard_tasks", (RUNNING,))}
        assert unused(store) == [] and leftovers(store, NOW) == []
        [lease] = (tmp_path / LEASES).iterdir()
        held = lease.read_bytes()
    assert list((tmp_path / LEASES).iterdir()) == []
    assert unused(store) == [T1, H1] and len(leftovers(store, NOW)) == 1
    lease.write_bytes(held)
    old(tmp_path)
    assert unused(store) == [T1, H1], "of a killed phase, and ended"
    assert len(leftovers(store, NOW)) == 2


def test_a_lease_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_core.store.leases.RENEWED_S", 0.05)
    store = Store(str(tmp_path))
    with leased(store.folder, [("tasks", T1)]):
        [lease] = (tmp_path / LEASES).iterdir()
        old(lease)
        deadline = time.monotonic() + 60
        while time.time() - lease.stat().st_mtime > 3600 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert time.time() - lease.stat().st_mtime < 3600


def test_what_comes_into_use_while_it_is_pruned_stays(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    refs = [put(store, "tasks", key, TASK) for key in (T1, T2)]
    made = put(store, "hard_tasks", H1, HARD, tasks=T1)
    chosen: list[Entry] = prunable(versions(store), NOW)
    assert [entry.key for entry in chosen] == [T1, T2, H1]
    store.point("tiny", made)
    assert [entry.key for entry in prune(store, chosen)] == [T1, H1]
    assert [store.find("tasks", ref.key) for ref in refs] == [refs[0], None]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"asset": "tasks", "key": "../..", "digest": ""}'])
def test_an_unreadable_pointer_keeps_what_it_may_name_and_stops_nothing(
    tmp_path: Path, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", T1, TASK)
    put(store, "hard_tasks", H1, HARD, tasks=T1)
    put(store, "tasks", T2, TASK)
    store.point("tiny", put(store, "hard_tasks", H1, HARD, tasks=T1))
    pointer = tmp_path / "experiments" / "tiny" / "hard_tasks.json"
    pointer.write_bytes(damage)
    assert {(e.key, e.used_by) for e in versions(store)} == {(T1, (ANY,)), (H1, (ANY,)), (T2, ())}
    root = ["--root", str(tmp_path)]
    assert main(["versions", *root]) == 0
    assert f"tiny: {pointer}: not a pointer to a version" in capsys.readouterr().out
    assert main(["prune", "--hours", "0", "--yes", *root]) == 0
    assert f"keeping all that it may name: {pointer}" in capsys.readouterr().out
    assert [e.key for e in versions(store)] == [T1, H1]
    (tmp_path / "elsewhere").mkdir()
    pointer.unlink()
    (tmp_path / "experiments" / "linked").symlink_to(tmp_path / "elsewhere")
    assert unused(store) == []


def test_names_in_a_root_are_no_commands_for_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(str(tmp_path))
    store.point("evil\x1b]0;title\x07", put(store, "tasks", T1, TASK))
    assert main(["versions", "--root", str(tmp_path)]) == 0
    assert "evil\\x1b]0;title\\x07" in capsys.readouterr().out


def test_inputs_that_no_version_can_be_are_not_looked_for(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "root"))
    store.point("tiny", put(store, "tasks", T1, TASK, **{"..": "other", "hard_tasks": "../../other"}))
    assert [entry.used_by for entry in versions(store)] == [("tiny",)]

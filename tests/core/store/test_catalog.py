from pathlib import Path

import pytest

from mlpo_core.cli import main
from mlpo_core.store import Origin, Store, VersionRef
from mlpo_core.store.catalog import prunable, prune, versions
from tests.support import REPOSITORY

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


def put(store: Store, asset: str, key: str, row: dict[str, object], **input_keys: str) -> VersionRef:
    writer = store.writer(asset, key)
    writer.write(0, [row])
    writer.commit(Origin(inputs={}, input_keys=dict(input_keys), config={}, versions={}), {})
    ref = store.find(asset, key)
    assert ref is not None
    return ref


def test_a_version_is_used_by_experiments_that_reach_it_through_inputs(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", "t1", TASK)
    put(store, "tasks", "t2", TASK)
    store.point("tiny", put(store, "hard_tasks", "h1", HARD, tasks="t1"))
    used = {(e.asset, e.key): e.used_by for e in versions(store)}
    assert used == {("tasks", "t1"): ("tiny",), ("tasks", "t2"): (), ("hard_tasks", "h1"): ("tiny",)}


def test_prune_deletes_only_what_nothing_reaches_and_only_when_told(tmp_path: Path, capsys) -> None:
    store = Store(str(tmp_path))
    store.point("tiny", put(store, "tasks", "t1", TASK))
    put(store, "tasks", "t2", TASK)
    assert main(["prune", "--root", str(tmp_path)]) == 0
    assert "would delete tasks t2" in capsys.readouterr().out
    assert store.find("tasks", "t2") is not None
    assert main(["prune", "--root", str(tmp_path), "--yes"]) == 0
    assert store.find("tasks", "t2") is None and store.find("tasks", "t1") is not None


def test_prune_names_experiments_without_a_file_and_lets_them_go_when_told(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments = tmp_path / "experiments-of-the-test"
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(experiments))
    experiments.mkdir()
    (experiments / "tiny.yaml").write_text((REPOSITORY / "experiments" / "tiny.yaml").read_text())
    root = str(tmp_path / "root")
    store = Store(root)
    shared, own = put(store, "tasks", "t1", TASK), put(store, "tasks", "t2", TASK)
    store.point("tiny", shared)
    store.point("gone", own)
    store.point("gone", put(store, "hard_tasks", "h1", HARD, tasks="t1"))
    assert main(["prune", "--root", root, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "kept for gone, which has no file in" in said and "tiny" not in said
    assert store.find("tasks", "t2") and store.find("hard_tasks", "h1")
    assert main(["prune", "--root", root, "--yes", "--forget", "tiny"]) == 2
    assert "those that have: gone" in capsys.readouterr().err
    assert main(["prune", "--root", root, "--yes", "--forget", "gone"]) == 0
    assert store.find("tasks", "t2") is None and store.find("hard_tasks", "h1") is None
    assert store.find("tasks", "t1") and list(store.pointers()) == [("tiny", shared)]


def test_unfinished_versions_are_listed_and_never_pruned(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.writer("tasks", "half").write(0, [TASK])
    entries = versions(store)
    assert [(e.key, e.finished) for e in entries] == [("half", False)]
    assert entries[0].bytes > 0 and prunable(entries) == []


def test_a_pruned_version_is_gone_whole(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put(store, "tasks", "t2", TASK)
    prune(store, prunable(versions(store)))
    assert not (tmp_path / "tasks" / "t2").exists()


def test_versions_of_sweep_points_whose_values_are_paths_are_used(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    ref = put(store, "tasks", "t1", TASK)
    store.point("sweep--leader.model=org/name", ref)
    assert [e.used_by for e in versions(store)] == [("sweep--leader.model=org/name",)]
    assert store.pointed("sweep--leader.model=org/name", "tasks") == ref
    old = tmp_path / "experiments" / "other--model=org" / "name"
    old.mkdir(parents=True)
    (old / "tasks.json").write_text(ref.model_dump_json())
    store.unpoint("sweep--leader.model=org/name", "tasks")
    assert [e.used_by for e in versions(store)] == [("other--model=org/name",)]
    assert store.pointed("other--model=org/name", "tasks") == ref and prunable(versions(store)) == []


def test_a_copied_root_is_read_where_it_is(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "one"))
    store.point("tiny", put(store, "tasks", "t1", TASK))
    (tmp_path / "one").rename(tmp_path / "two")
    ref = Store(str(tmp_path / "two")).pointed("tiny", "tasks")
    assert ref and ref.url == (tmp_path / "two" / "tasks" / "t1").as_uri()
    pointer = tmp_path / "two" / "experiments" / "tiny" / "tasks.json"
    pointer.write_text(ref.model_copy(update={"url": "s3://elsewhere/tasks/t1"}).model_dump_json())
    assert Store(str(tmp_path / "two")).pointed("tiny", "tasks") == ref


def test_what_a_link_leads_to_is_never_deleted(tmp_path: Path) -> None:
    other, store = Store(str(tmp_path / "other")), Store(str(tmp_path / "root"))
    put(other, "tasks", "t1", TASK)
    (tmp_path / "root" / "tasks").mkdir(parents=True)
    (tmp_path / "root" / "tasks" / "t1").symlink_to(tmp_path / "other" / "tasks" / "t1")
    assert versions(store) == []

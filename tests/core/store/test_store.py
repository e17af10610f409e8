import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Origin, Store
from mlpo_core.store.files import Folder

ORIGIN = Origin(inputs={}, input_keys={}, config={}, versions={"code": "1"})


def hard_task(i: int) -> dict[str, object]:
    return {
        "task_id": f"t{i}",
        "benchmark": "bbh",
        "split": "train",
        "n": 12,
        "n_correct": i % 13,
        "correct_rate": (i % 13) / 12,
        "kept": True,
        "reason": "kept",
    }


def write(store: Store, key: str, rows: int = 10, part: int = 4) -> Dataset:
    writer = store.writer("hard_tasks", key)
    for index, start in enumerate(range(0, rows, part)):
        writer.write(index, [hard_task(i) for i in range(start, min(start + part, rows))])
    writer.commit(ORIGIN, {})
    ref = store.find("hard_tasks", key)
    assert ref is not None
    return Dataset(ref)


def test_a_version_is_there_only_after_commit(tmp_path) -> None:
    store = Store(str(tmp_path))
    writer = store.writer("hard_tasks", "k")
    writer.write(0, [hard_task(0)])
    assert store.find("hard_tasks", "k") is None
    writer.commit(ORIGIN, {"headline": {"kept": 1}})
    ref = store.find("hard_tasks", "k")
    assert ref is not None and Dataset(ref).manifest.stats == {"headline": {"kept": 1}}


def test_rows_come_back_in_order_and_lazily(tmp_path) -> None:
    dataset = write(Store(str(tmp_path)), "k")
    assert dataset.count() == 10
    assert [r["task_id"] for r in dataset.rows(["task_id"])] == [f"t{i}" for i in range(10)]
    assert dataset.table(["n"]).num_rows == 10


def test_an_interrupted_writer_resumes_at_the_first_missing_part(tmp_path) -> None:
    store = Store(str(tmp_path))
    store.writer("hard_tasks", "k").write(0, [hard_task(0)])
    again = store.writer("hard_tasks", "k")
    assert again.done() == {0}
    again.write(0, [hard_task(99)])
    again.write(1, [hard_task(1)])
    again.commit(ORIGIN, {})
    ref = store.find("hard_tasks", "k")
    assert ref is not None
    assert [r["task_id"] for r in Dataset(ref).rows()] == ["t0", "t1"]


def test_leftovers_of_a_killed_write_are_not_seen(tmp_path) -> None:
    store = Store(str(tmp_path))
    write(store, "k", rows=4)
    folder = tmp_path / "hard_tasks" / "other"
    folder.mkdir(parents=True)
    (folder / ".tmp-123").write_bytes(b"half a part")
    assert store.writer("hard_tasks", "other").done() == set()


def test_same_rows_same_digest_whatever_the_key(tmp_path) -> None:
    store = Store(str(tmp_path))
    assert write(store, "a").ref.digest == write(store, "b").ref.digest
    assert write(store, "c", rows=9).ref.digest != write(store, "a").ref.digest


def test_of_racing_creators_exactly_one_wins(tmp_path) -> None:
    folder = Folder(str(tmp_path))
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda i: folder.create("manifest.json", str(i).encode()), range(16)))
    assert won.count(True) == 1
    assert folder.read("manifest.json") == str(won.index(True)).encode()
    assert folder.names() == ["manifest.json"]


def test_racing_writers_end_with_one_version(tmp_path) -> None:
    store = Store(str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        digests = {d.ref.digest for d in pool.map(lambda _: write(store, "k"), range(4))}
    assert len(digests) == 1
    assert len(list((tmp_path / "hard_tasks" / "k").glob("part-*"))) == 3


def test_a_damaged_part_is_named(tmp_path) -> None:
    dataset = write(Store(str(tmp_path)), "k", rows=4)
    part = tmp_path / "hard_tasks" / "k" / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(BadInput, match=r"part-000000\.parquet"):
        dataset.table()


def test_a_deleted_version_is_named(tmp_path) -> None:
    store = Store(str(tmp_path))
    ref = write(store, "k").ref
    Folder(ref.url).remove()
    with pytest.raises(BadInput, match="hard_tasks"):
        Dataset(ref).count()


def test_checkpoint_bytes_count_in_the_digest_and_timings_do_not(tmp_path) -> None:
    def leader(root: str, weights: bytes, seconds: float) -> str:
        checkpoint = tmp_path / "local"
        checkpoint.mkdir(exist_ok=True)
        (checkpoint / "model.safetensors").write_bytes(weights)
        writer = Store(str(tmp_path / root)).writer("mlpo_leader", "k")
        writer.write(0, [{"step": 1, "metric": "seconds", "value": seconds}])
        writer.put_folder("checkpoint", checkpoint)
        return writer.commit(ORIGIN, {}).digest

    assert leader("a", b"w", 0.1) == leader("b", b"w", 0.2)
    assert leader("c", b"v", 0.1) != leader("a", b"w", 0.1)


def test_scratch_survives_until_commit(tmp_path) -> None:
    store = Store(str(tmp_path))
    (store.writer("hard_tasks", "k").scratch() / "step-5").write_text("state")
    writer = store.writer("hard_tasks", "k")
    assert (writer.scratch() / "step-5").read_text() == "state"
    writer.write(0, [hard_task(0)])
    writer.commit(ORIGIN, {})
    assert [p.name for p in (tmp_path / "hard_tasks").iterdir()] == ["k"]


def test_pointers_round_trip(tmp_path) -> None:
    store = Store(str(tmp_path))
    ref = write(store, "k").ref
    store.point("tiny", ref)
    assert store.pointed("tiny", "hard_tasks") == ref
    assert store.pointed("tiny", "tasks") is None
    stored = json.loads((tmp_path / "experiments" / "tiny" / "hard_tasks.json").read_text())
    assert stored["key"] == "k"


def test_parts_hold_the_declared_schema(tmp_path) -> None:
    dataset = write(Store(str(tmp_path)), "k", rows=4)
    written = pq.read_schema(tmp_path / "hard_tasks" / "k" / "part-000000.parquet")
    assert written.equals(dataset.schema)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(BadInput, match="ftp"):
        Store("ftp://somewhere/data")

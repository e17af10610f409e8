"""The store on a real S3 server, by the same code as on a disk."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Origin, Store
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import MANIFEST
from mlpo_core.store.names import MARKER
from tests import mini_chain
from tests.s3_server import S3Server
from tests.support import REPOSITORY, wait_for

pytestmark = pytest.mark.slow
KEY = "0123456789abcdef0123"


@pytest.fixture(params=["disk", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A root of either kind."""
    return str(tmp_path / "data") if request.param == "disk" else request.getfixturevalue("s3_root")


def objects(s3: S3Server, root: str) -> list[str]:
    """Names below an `s3://` root but its mark, by another client."""
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    listed = s3.client().list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    names = (entry["Key"].removeprefix(f"{prefix}/") for entry in listed)
    return sorted(name for name in names if name != MARKER)


def checkpoint(folder: Path) -> Path:
    (folder / "nested").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "nested" / "tokenizer.json").write_text("{}")
    return folder


def test_a_version_on_s3_is_what_it_is_on_a_disk(s3_root: str, s3: S3Server, tmp_path: Path) -> None:
    rows = [mini_chain.task(n) for n in range(120)]
    datasets = [mini_chain.put(Store(root), "tasks", rows) for root in (str(tmp_path / "data"), s3_root)]
    assert datasets[0].ref.digest == datasets[1].ref.digest
    assert [list(d.rows()) for d in datasets] == [rows, rows]
    assert datasets[1].count() == 120 and datasets[1].table(["task_id"]).num_rows == 120
    parts = [f"tasks/k/part-{i:06d}.parquet" for i in range(3)]
    assert objects(s3, s3_root) == [f"tasks/k/{MANIFEST}", *parts]


def test_an_interrupted_version_is_not_there_and_goes_on(s3_root: str) -> None:
    store = Store(s3_root)
    store.writer("hard_tasks", "k").write(0, [mini_chain.hard(mini_chain.task(0))])
    assert store.find("hard_tasks", "k") is None
    again = Store(s3_root).writer("hard_tasks", "k")
    assert again.done() == {0}
    again.write(0, [mini_chain.hard(mini_chain.task(9))])
    again.write(1, [mini_chain.hard(mini_chain.task(1))])
    again.commit(mini_chain.ORIGIN, {})
    ref = store.find("hard_tasks", "k")
    assert ref and [r["task_id"] for r in Dataset(ref).rows()] == ["t00000", "t00001"]


def test_checkpoints_go_up_and_come_down_verified(s3_root: str, s3: S3Server, tmp_path: Path) -> None:
    store = Store(s3_root)
    writer = store.writer("mlpo_leader", "k")
    writer.write(0, [{"step": 1, "metric": "loss", "value": 0.5}])
    writer.put_folder("checkpoint", checkpoint(tmp_path / "local"))
    writer.put("plots/training.png", b"a picture")
    writer.commit(mini_chain.ORIGIN, {})
    ref = store.find("mlpo_leader", "k")
    assert ref
    folder = Dataset(ref).local_folder("checkpoint")
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (folder / "nested" / "tokenizer.json").read_text() == "{}"
    assert Dataset(ref).local_folder("checkpoint") == folder
    assert Dataset(ref).read_file("plots/training.png") == b"a picture"


def test_damaged_weights_are_set_aside_before_they_are_loaded(s3_root: str, s3: S3Server, tmp_path: Path) -> None:
    store = Store(s3_root)
    writer = store.writer("mlpo_leader", "k")
    writer.put_folder("checkpoint", checkpoint(tmp_path / "local"))
    writer.commit(mini_chain.ORIGIN, {})
    ref = store.find("mlpo_leader", "k")
    assert ref
    stored = Dataset(ref).manifest.stored_name("checkpoint/model.safetensors")
    Folder(ref.url).replace(stored, b"WEIGHTS")
    with pytest.raises(BadInput, match=r"checkpoint/model\.safetensors is not what manifest\.json says"):
        Dataset(ref).local_folder("checkpoint")
    assert store.find("mlpo_leader", "k") is None
    names = objects(s3, s3_root)
    assert len(names) == 3 and all(name.startswith("quarantine/mlpo_leader/k-") for name in names)


def test_pointers_catalog_and_prune(s3_root: str, s3: S3Server, capsys) -> None:
    store = Store(s3_root)
    kept = mini_chain.put(store, "tasks", [mini_chain.task(0)])
    unused = mini_chain.put(store, "hard_tasks", [mini_chain.hard(mini_chain.task(0))], key=KEY)
    store.point("mini", kept.ref)
    assert store.pointed("mini", "tasks") == kept.ref
    assert main(["versions", "--root", s3_root]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["tasks", "hard_tasks"] and lines[0].endswith("mini")
    assert main(["prune", "--hours", "0", "--root", s3_root]) == 0
    assert f"would delete hard_tasks {KEY}" in capsys.readouterr().out
    assert store.find("hard_tasks", KEY) == unused.ref
    assert main(["prune", "--hours", "0", "--root", s3_root, "--yes"]) == 0
    assert store.find("hard_tasks", KEY) is None and store.find("tasks", "k") == kept.ref
    assert not [name for name in objects(s3, s3_root) if name.startswith("hard_tasks/")]
    capsys.readouterr()
    assert main(["versions", "--root", s3_root]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["tasks"]


def test_of_racing_creators_exactly_one_wins(s3_root: str) -> None:
    folder = Folder(s3_root)
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda i: folder.create(MANIFEST, str(i).encode()), range(16)))
    assert won.count(True) == 1
    assert folder.read(MANIFEST) == str(won.index(True)).encode()


RACER = """
import sys, time
from pathlib import Path
from mlpo_core.store import Store
from tests import mini_chain
root, name, local = sys.argv[1], sys.argv[2], Path(sys.argv[3])
local.mkdir(); [(local / f"shard{i}").write_text(name) for i in range(4)]
(local.parent / f"{name} is ready").touch()
while not (local.parent / "go").exists(): time.sleep(0.001)
writer = Store(root).writer("tasks", "0123456789abcdef0123")
for part in range(8):
    writer.write(part, [mini_chain.task(part, question=f"{name} asks {part}")])
writer.put_folder("checkpoint", local)
print(writer.commit(mini_chain.ORIGIN, {"writer": name}).model_dump_json())
"""


def test_two_processes_racing_for_one_version_make_one(root: str, tmp_path: Path) -> None:
    """Each writes other rows and weights, so that a mixture of manifests could not go unnoticed."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, root, name, str(tmp_path / name)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    wait_for(lambda: len(list(tmp_path.glob("* is ready"))) == 2, 120, "two processes that are ready")
    (tmp_path / "go").touch()
    said = [json.loads(racer.communicate(timeout=120)[0]) for racer in racers]
    assert said[0] == said[1], "both hold the same manifest, whoever wrote it"
    ref = Store(root).find("tasks", KEY)
    assert ref and ref.digest == said[0]["digest"]
    dataset = Dataset(ref)
    assert [row["task_id"] for row in dataset.rows()] == [f"t{part:05d}" for part in range(8)]
    winner = dataset.manifest.stats["writer"]
    assert [path.read_text() for path in dataset.local_folder("checkpoint").iterdir()] == [winner] * 4
    assert main(["prune", "--root", root, "--hours", "0", "--yes"]) == 0
    assert Store(root).find("tasks", KEY) is None, "nothing points to it"


KILLED_UPLOAD = """
import os, signal, sys
from mlpo_core.store.files import Folder
folder = Folder(sys.argv[1])
for key in sys.argv[3:]:
    begun = folder._fs.call_s3("create_multipart_upload", Bucket=sys.argv[2], Key=key)
    part = {"PartNumber": 1, "UploadId": begun["UploadId"], "Body": b"0" * 5_000_000}
    folder._fs.call_s3("upload_part", Bucket=sys.argv[2], Key=key, **part)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_runs_left_is_swept_when_it_is_old_and_only_when_told(s3_root: str, s3: S3Server, capsys) -> None:
    store = Store(s3_root)
    kept = mini_chain.put(store, "tasks", [mini_chain.task(0)])
    store.point("mini", kept.ref)
    store.writer("hard_tasks", KEY).write(0, [mini_chain.hard(mini_chain.task(0))])
    (store.writer("sft_leader", KEY).scratch() / "state").write_text("unfinished")
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    keys = [f"{prefix}/mlpo_leader/{KEY}/checkpoint/model.safetensors", f"{prefix}-of-another/upload"]
    killed = subprocess.run([sys.executable, "-c", KILLED_UPLOAD, s3_root, bucket, *keys], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL

    def uploads() -> list[str]:
        return [u["Key"] for u in s3.client().list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])]

    before = objects(s3, s3_root)
    assert len(uploads()) == 2
    assert main(["prune", "--root", s3_root, "--yes"]) == 0
    assert "0 versions and 0 leftovers" in capsys.readouterr().out, "a run may still be writing what is young"
    assert main(["prune", "--root", s3_root, "--hours", "0"]) == 0
    said = capsys.readouterr().out
    assert "would delete unfinished version" in said and f"hard_tasks/{KEY}" in said
    assert "would delete uncompleted upload" in said and "would delete scratch of an interrupted run" in said
    assert objects(s3, s3_root) == before and len(uploads()) == 2
    assert main(["prune", "--root", s3_root, "--hours", "0", "--yes"]) == 0
    assert "0 versions and 3 leftovers" in capsys.readouterr().out
    assert uploads() == [f"{prefix}-of-another/upload"], "what is not below the root is not ours"
    assert objects(s3, s3_root) == [
        "experiments/mini/tasks.json",
        "tasks/k/manifest.json",
        "tasks/k/part-000000.parquet",
    ]
    assert list(kept.rows()) == [mini_chain.task(0)]


def test_a_file_of_an_interrupted_run_is_left_out_where_that_is_said(root: str) -> None:
    first = Store(root).writer("mlpo_leader", KEY)
    for name in ("rollouts/step-000001.parquet", "rollouts/step-000009.parquet"):
        first.put(name, name.encode())
    again = Store(root).writer("mlpo_leader", KEY)
    assert again.files() == {"rollouts/step-000001.parquet", "rollouts/step-000009.parquet"}
    for name in sorted(again.files()):
        again.discard(name)
    again.put("rollouts/step-000001.parquet", b"made again")
    again.commit(Origin({}, {}, {}, {}), {})
    ref = Store(root).find("mlpo_leader", KEY)
    assert ref
    assert set(Dataset(ref).manifest.files) == {"rollouts/step-000001.parquet"}
    assert Dataset(ref).read_file("rollouts/step-000001.parquet") == b"made again"

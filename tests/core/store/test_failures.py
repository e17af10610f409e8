"""What a disk or an unusable URL refuses: one sentence each, and earlier versions untouched."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from mlpo_core.store.disk import TEMPORARY
from mlpo_core.store.failures import explain_full_disk
from mlpo_core.store.files import Folder
from tests import mini_chain
from tests.support import REPOSITORY

HARD = [mini_chain.hard(mini_chain.task(n)) for n in range(100)]


def test_a_full_disk_says_so_keeps_what_is_finished_and_goes_on_when_there_is_space(disk) -> None:
    folder = disk("size=256k")
    store = Store(str(folder / "data"))
    kept = mini_chain.put(store, "tasks", [mini_chain.task(0)])
    writer = store.writer("hard_tasks", "k")
    writer.write(0, HARD)
    ballast = folder / "ballast"
    with pytest.raises(BadInput, match="the disk is full") as refused:
        ballast.write_bytes(b"0" * 100_000)
        for part in range(1, 100):
            writer.write(part, HARD)
    assert str(store.folder.path()) in str(refused.value) and "prune" in str(refused.value)
    assert store.find("hard_tasks", "k") is None
    assert [r["task_id"] for r in kept.rows()] == ["t00000"]
    assert not list(folder.rglob(f"{TEMPORARY}*")), "a half was left to fill the disk"
    ballast.unlink()
    again = store.writer("hard_tasks", "k")
    done = again.done()
    assert 0 in done
    again.write(max(done) + 1, HARD)
    assert again.commit(mini_chain.ORIGIN, {}).rows == 100 * (len(done) + 1)


def test_a_library_that_does_not_say_why_it_could_not_write_is_explained(disk, tmp_path: Path) -> None:
    error = RuntimeError("unexpected pos 64 vs 0")
    assert explain_full_disk(error, tmp_path) is None
    folder = disk("size=1m")
    with pytest.raises(OSError, match="No space left"):
        (folder / "ballast").write_bytes(b"0" * 2_000_000)
    assert "the disk is full" in str(explain_full_disk(error, folder))


def test_a_read_only_disk_says_so_and_is_still_read(disk, capsys) -> None:
    folder = disk("size=4m")
    config = mini_chain.experiment()
    made = run(resolve("tasks", config, Store(str(folder / "data")))).ref
    assert made
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    store = Store(str(folder / "data"))
    assert Dataset(made).count() == 3
    with pytest.raises(BadInput, match="the disk is read-only"):
        run(resolve("tasks", mini_chain.experiment(tasks=[{**config.tasks[0].model_dump(), "train": 2}]), store))
    command = ["run", "tasks", "--experiment", "tiny", "--root", str(folder / "data")]
    assert main(command) == 2
    assert capsys.readouterr().err.count("the disk is read-only") == 1


def test_a_root_below_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(str(tmp_path / "file" / "data"))
    with pytest.raises(BadInput, match="is a file, not a folder"):
        run(resolve("tasks", mini_chain.experiment(), store))


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(BadInput, match="AWS_SECRET_ACCESS_KEY") as refused:
        Store("s3://name:hunter2@bucket/data")
    assert "hunter2" not in str(refused.value)


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "s3fs.py").write_text("raise ImportError('No module named s3fs')")
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_core", "versions", "--root", "s3://bucket/data"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "error: s3fs is not installed. Install it with: pip install 'mlpo[s3]'\n"


def test_a_listing_survives_files_that_vanish_while_it_is_made(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.create("part", b"1")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert folder.names() == ["part"]

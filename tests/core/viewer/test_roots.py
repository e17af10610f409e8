"""Reading changes nothing, and works on roots that may only be read, and on an object store."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from mlpo_core.listening import addresses
from mlpo_core.store import Store
from mlpo_core.store.disk import walk
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library
from tests.core.viewer import shelf
from tests.support import REPOSITORY

TASKS = addresses.tasks(shelf.NAME)
PAGES = (
    "/",
    TASKS,
    f"{TASKS}?q=alpha&where=written",
    addresses.training(shelf.NAME),
    addresses.training(shelf.NAME, "grpo_leader", 2, "prompt-1"),
    f"{addresses.task(shelf.NAME, shelf.task_id(5))}?of={shelf.OTHER}",
)


def read_all(store: Store) -> None:
    client = TestClient(Viewer(Library(store), Guard("127.0.0.1")).app, base_url="http://127.0.0.1")
    for path in PAGES:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
    assert "Round 2" in answer.text


def test_a_root_that_may_only_be_read_is_read_and_nothing_is_written(disk: Callable[[str], Path]) -> None:
    folder = disk("size=16m")
    shelf.make(folder / "root", tasks=16)
    before = dict(walk(str(folder)))
    read_all(Store(str(folder / "root")))
    assert dict(walk(str(folder))) == before
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    read_all(Store(str(folder / "root")))


@pytest.mark.slow
def test_an_object_store_is_read(s3_root: str) -> None:
    read_all(shelf.make(s3_root, tasks=16))


@pytest.mark.slow
def test_the_command_says_where_it_is_and_ends_in_order(tmp_path: Path) -> None:
    shelf.make(tmp_path / "root", tasks=8)
    command = [sys.executable, "-m", "mlpo_core", "view", shelf.NAME, "--root", str(tmp_path / "root"), "--port", "0"]
    viewer = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert viewer.stdout
    try:
        address = viewer.stdout.readline().strip()
        assert address.endswith(TASKS)
        assert "8 tasks" in httpx.get(address, timeout=60).text
    finally:
        viewer.send_signal(signal.SIGTERM)
    assert viewer.wait(60) == 0

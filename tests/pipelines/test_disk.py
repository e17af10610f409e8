"""A phase under Dagster on a disk that is full, then read-only, then neither."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpo_core.store import Store
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure


@pytest.mark.slow
def test_a_phase_that_a_disk_refused_is_made_once_the_disk_lets_it(
    workshop: Workshop, disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk("size=256k")
    monkeypatch.setenv("MLPO_ROOT", str(folder / "root"))
    store = Store()
    ballast = folder / "ballast"
    ballast.write_bytes(b"0" * 256_000)
    assert "the disk is full" in failure(workshop.materialize("tasks"))
    assert store.pointed("votes", "tasks") is None
    ballast.unlink()
    assert workshop.materialize("tasks").success

    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    assert "the disk is read-only" in failure(workshop.materialize("base_models"))
    assert store.pointed("votes", "tasks") is not None
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    assert workshop.materialize("base_models").success

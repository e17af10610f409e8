"""Kill -9 of a phase amid what else happens to a root: a prune, a copy that work goes on in, a clock that jumps."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil

from tests.faults.kill_phase import disturb
from tests.faults.ledger import Kill
from tests.faults.scene import Scene
from tests.support import REPOSITORY

KINDS = ("prune", "copy", "clock")
DAY_S = 86_400
_SPREAD_S = 1.5
"""About as long as a prune of a small root takes to start and to look."""
_JUMPS = (-3650, -2, 2, 400, 3650)
"""Days."""


def kill_amid(scene: Scene, instance: dg.DagsterInstance, stage: str, seed: int, kind: str) -> Kill:
    """One kill of the phase that makes `stage`, amid one of `KINDS`."""
    rng = random.Random(-seed)
    if kind == "prune":
        return disturb(scene, instance, stage, seed, kind, _while_pruning(scene, rng), after=_prune)
    if kind == "copy":
        return disturb(scene, instance, stage, seed, kind, psutil.Process.kill, between=_moved)
    days = [rng.choice(_JUMPS) for _ in range(3)]
    with _clock(days[0]):

        def jump(scene: Scene) -> Scene:
            _shift(Path(scene.store.folder.path()), days[0])
            os.environ["FAULTS_CLOCK"] = str(days[1] * DAY_S)
            return scene

        def prune_later(scene: Scene) -> None:
            os.environ["FAULTS_CLOCK"] = str(days[2] * DAY_S)
            _prune(scene)

        return disturb(scene, instance, stage, seed, kind, psutil.Process.kill, between=jump, after=prune_later)


def _while_pruning(scene: Scene, rng: random.Random) -> Callable[[psutil.Process], None]:
    delay, both = rng.uniform(0, _SPREAD_S), rng.random() < 0.5

    def strike(phase: psutil.Process) -> None:
        pruning = _start_prune(scene)
        time.sleep(delay)
        with suppress(psutil.NoSuchProcess):
            phase.kill()
        if both:
            pruning.kill()
        pruning.wait()

    return strike


def _start_prune(scene: Scene) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlpo_core", "prune", "--yes", "--root", scene.store.root]
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command, cwd=REPOSITORY, env={**scene.environment, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL
    )


def _prune(scene: Scene) -> None:
    assert _start_prune(scene).wait() == 0, "prune refused"


def _moved(scene: Scene) -> Scene:
    """The root as somebody copied it elsewhere after the kill; the original is out of reach."""
    source = Path(scene.store.folder.path())
    copy, gone = (source.with_name(f"{source.name}-{what}") for what in ("copy", "gone"))
    for old in (copy, gone):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(source, copy)
    source.rename(gone)
    elsewhere = Scene(scene.folder, str(copy))
    elsewhere.golden = scene.golden
    return elsewhere


@contextmanager
def _clock(days: int) -> Generator[None]:
    """Spans time in which processes that start see a clock that is wrong by so many days."""
    before = dict(os.environ)
    os.environ["FAULTS_CLOCK"] = str(days * DAY_S)
    here = str(Path(__file__).parent / "clock")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _shift(root: Path, days: int) -> None:
    """Files have the times that the jumped clock would have given them."""
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            if status.st_nlink == 1 or path.is_dir():  # what comes from the undisturbed chain is linked there
                os.utime(path, (max(0.0, status.st_atime + days * DAY_S), max(0.0, status.st_mtime + days * DAY_S)))

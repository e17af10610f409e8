"""Two machines make one version on one bucket; one of them is killed with -9 at a seeded moment, and comes back."""

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress

from tests.faults import verify
from tests.faults.kill_storage import Storage
from tests.faults.ledger import Kill
from tests.faults.scene import PARTITION, Scene
from tests.support import REPOSITORY

_APART_S = 2.0
_START_S = 4.0
"""From the start of a process to its phase, roughly: its imports."""
_PATIENCE_S = 600.0


def kill_rival(scene: Scene, storage: Storage, stage: str, seed: int) -> Kill:
    """One kill of the first of two processes with scratch folders of their own."""
    began = time.monotonic()
    rng = random.Random(seed)
    remote = Scene(scene.folder, storage.server.new_root())
    remote.golden = scene.golden
    remote.set(stage)
    golden = scene.golden[stage]
    for machine in "ab":
        shutil.rmtree(scene.folder / f"machine-{machine}", ignore_errors=True)
    seconds = rng.uniform(0, _START_S + 0.9 * scene.seconds(stage))
    first = _start(remote, stage, "a")
    time.sleep(rng.uniform(0, _APART_S))
    second = _start(remote, stage, "b")
    with suppress(subprocess.TimeoutExpired):
        first.wait(seconds)
    killed = first.poll() is None
    first.kill()
    first.wait()
    survivor = second.wait(_PATIENCE_S)
    half = verify.half_visible(remote.store, stage, PARTITION)
    visible = remote.store.find(stage, golden.key) is not None
    before = verify.finished(remote.store, golden)
    again = _start(remote, stage, "a").wait(_PATIENCE_S)
    damage = verify.compare(remote.store, golden)._replace(
        shards_recomputed=verify.recomputed(remote.store, golden, before, "") if visible else 0,
        half_visible=half,
        processes_left=len(verify.processes_of(remote.store.root)),
    )
    if survivor or again or not visible:
        damage = damage._replace(not_recovered=f"the other machine ended with {survivor}, the re-run with {again}")
    moment = f"after {seconds:.2f} s"
    return Kill(seed, "rival", stage, moment, killed, len(before), survivor == 0, damage, time.monotonic() - began)


def _start(scene: Scene, stage: str, machine: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlpo_core", "run", stage, "--experiment", PARTITION],
        cwd=REPOSITORY,
        env={
            **scene.environment,
            "XDG_CACHE_HOME": str(scene.folder / f"machine-{machine}"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
    )

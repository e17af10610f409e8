"""Kill -9 at a seeded moment of a phase, of it or of what it needs; then the re-run, and what is left of both."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil

from tests.faults import verify
from tests.faults.ledger import Kill
from tests.faults.scene import PARTITION, Scene, materialize, slots_held

_POLL_S = 0.005
_SCRATCH_FILES = 30
"""Files of models and checkpoints that a training leaves in its scratch folder before anything else, roughly."""


class Executioner(threading.Thread):
    """Waits for the phase to start, then for the moment, and strikes."""

    def __init__(self, due: Callable[[float], bool], strike: Callable[[psutil.Process], None]) -> None:
        super().__init__(daemon=True)
        self._due = due
        self._strike = strike
        self._over = threading.Event()
        self.killed = False

    def run(self) -> None:
        phase = None
        started = 0.0
        while not self._over.wait(_POLL_S):
            if phase is None:
                phase = _phase(os.getpid())
                started = time.monotonic()
            elif not phase.is_running() or phase.status() == psutil.STATUS_ZOMBIE:
                return
            elif self._due(time.monotonic() - started):
                self.killed = True
                self._strike(phase)
                return

    def stop(self) -> bool:
        """Whether it killed."""
        self._over.set()
        self.join()
        return self.killed


def moment(scene: Scene, stage: str, rng: random.Random) -> tuple[str, Callable[[float], bool]]:
    """When to kill: after some seconds, or shortly after the n-th file appears; its description and the test."""
    golden = scene.golden[stage]
    if rng.random() < 0.5 or not scene.store.folder.is_local:
        seconds = rng.uniform(0, 0.9 * scene.seconds(stage))
        return f"after {seconds:.2f} s", lambda elapsed: elapsed >= seconds
    names = scene.golden_store.folder.join(stage, golden.key).names()
    scratch = _SCRATCH_FILES if stage == "base_models" or stage.endswith("_leader") else 0
    count, delay = rng.randint(1, len(names) + scratch), rng.choice([0.0, rng.uniform(0, 0.5)])
    folder = Path(scene.store.folder.join(stage).path())
    seen: list[float] = []

    def due(elapsed: float) -> bool:
        if not seen and _files(folder) >= count:
            seen.append(elapsed)
        return bool(seen) and elapsed >= seen[0] + delay

    return f"{delay:.2f} s after file {count}", due


def kill_phase(scene: Scene, instance: dg.DagsterInstance, stage: str, seed: int) -> Kill:
    """One kill of the phase that makes `stage`."""
    return disturb(scene, instance, stage, seed, "phase", lambda phase: os.kill(phase.pid, signal.SIGKILL))


def disturb(
    scene: Scene,
    instance: dg.DagsterInstance,
    stage: str,
    seed: int,
    component: str,
    strike: Callable[[psutil.Process], None],
    *,
    between: Callable[[Scene], Scene] | None = None,
    after: Callable[[Scene], None] | None = None,
) -> Kill:
    """Make `stage`, strike at the seeded moment of its phase, and make it again.

    Args:
        scene: Where.
        instance: What the runs are recorded in.
        stage: What is made.
        seed: Decides the moment.
        component: What the kill is counted as.
        strike: Gets the phase at the moment.
        between: What happens once the first run is over; gives the scene in which the second takes place.
        after: What happens once the second run is over, before what it left is looked at.
    """
    began = time.monotonic()
    others = set(verify.processes_of(scene.store.root))  # a team's services work for the same root
    scene.set(stage)
    golden = scene.golden[stage]
    text, due = moment(scene, stage, random.Random(seed))
    executioner = Executioner(due, strike)
    executioner.start()
    first = materialize(instance, scene.store.root, [stage])
    killed = executioner.stop()
    left = len(set(verify.processes_of(scene.store.root)) - others)
    slots = slots_held(instance)
    if between and killed:
        scene = between(scene)
    half = verify.half_visible(scene.store, stage, PARTITION)
    visible = scene.store.find(stage, golden.key) is not None
    before = verify.finished(scene.store, golden)

    again = materialize(instance, scene.store.root, [stage])
    redone = 0 if visible else verify.recomputed(scene.store, golden, before, _messages(instance, again.run_id))
    if after and killed:
        after(scene)
    damage = verify.compare(scene.store, golden)._replace(
        shards_recomputed=redone,
        half_visible=half,
        processes_left=left + len(set(verify.processes_of(scene.store.root)) - others),
        slots_left=slots + slots_held(instance),
    )
    if not again.success:
        damage = damage._replace(not_recovered="the re-run failed")
    return Kill(seed, component, stage, text, killed, len(before), first.success, damage, time.monotonic() - began)


def _phase(parent: int) -> psutil.Process | None:
    for child in psutil.Process(parent).children():
        try:
            if "mlpo_core" in child.cmdline() and "--spec" in child.cmdline():
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def _files(folder: Path) -> int:
    return sum(1 for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".tmp-"))


def _messages(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(run_id))

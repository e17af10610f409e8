"""Kill -9 of what surrounds a phase, on a team's instance of real services: run worker, daemon, PostgreSQL."""

import random
import signal
import time
from contextlib import suppress

import psutil

from tests.faults import verify
from tests.faults.ledger import Kill
from tests.faults.scene import PARTITION, Scene
from tests.faults.team import Team

SERVICES = ("worker", "daemon", "postgres")
_START_S = 8.0
"""From launching a run to its phase, roughly: the queue, the worker's imports."""
_PATIENCE_S = 600.0


def kill_service(scene: Scene, team: Team, component: str, stage: str, seed: int) -> Kill:
    """One kill of a component while a run makes `stage`; it is started again, as a supervisor would."""
    began = time.monotonic()
    rng = random.Random(seed)
    scene.set(stage)
    golden = scene.golden[stage]
    run = team.launch(stage, PARTITION)
    if component == "worker":
        _until(lambda: team.workers() or team.status(run) in Team.ENDED)
    seconds = rng.uniform(0, 0.9 * (scene.seconds(stage) + _START_S))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and team.status(run) not in Team.ENDED:
        time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))
    victims = team.workers() if component == "worker" else team.processes(component)
    killed = bool(victims) and team.status(run) not in Team.ENDED
    if killed:
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        psutil.wait_procs(victims, timeout=10)
        if component != "worker":
            team.start(component)

    stuck = not _until(lambda: team.status(run) in Team.ENDED)
    first = team.status(run)
    _until(lambda: not team.phases() and not team.workers())
    left = len(team.phases()) + len(team.workers())
    half = verify.half_visible(scene.store, stage, PARTITION)
    visible = scene.store.find(stage, golden.key) is not None
    before = verify.finished(scene.store, golden)
    redone = 0
    second = first
    if first != "SUCCESS" and not stuck:
        again = team.launch(stage, PARTITION)
        _until(lambda: team.status(again) in Team.ENDED)
        second = team.status(again)
        redone = 0 if visible else verify.recomputed(scene.store, golden, before, team.messages(again))
    _until(lambda: not team.slots() and not team.phases() and not team.workers())
    damage = verify.compare(scene.store, golden)._replace(
        shards_recomputed=redone,
        half_visible=half,
        processes_left=left + len(team.phases()) + len(team.workers()),
        slots_left=team.slots(),
    )
    if second != "SUCCESS":
        damage = damage._replace(not_recovered=f"the run ended as {first}, the re-run as {second}")
    moment = f"after {seconds:.2f} s"
    return Kill(
        seed, component, stage, moment, killed, len(before), first == "SUCCESS", damage, time.monotonic() - began
    )


def _until(condition) -> bool:
    """Wait for a condition; whether it came."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return False

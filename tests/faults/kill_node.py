"""Kill -9 of a Ray worker node, and of all that runs on it, while a cluster of two makes a stage."""

import os
import random
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from tests.faults import verify
from tests.faults.ledger import Kill
from tests.faults.scene import PARTITION, Scene
from tests.ray_cluster import RayCluster, workers
from tests.support import REPOSITORY

STAGES = ("agent_proposals", "benchmark_proposals")
"""What `launcher: ray` spreads over nodes, with rows that are those of one machine."""
_PATIENCE_S = 600.0


def kill_node(scene: Scene, cluster: RayCluster, stage: str, seed: int) -> Kill:
    """One kill of the second node once an engine works on it; should the run not get over it, it is made again."""
    began = time.monotonic()
    seconds = random.Random(seed).uniform(0, scene.seconds(stage))
    scene.set(stage)
    golden = scene.golden[stage]
    others = set(verify.processes_of(scene.store.root))
    node = cluster.add_node()
    tree: set[psutil.Process] = set()
    try:
        phase = _start(scene, cluster, stage)
        deadline = time.monotonic() + _PATIENCE_S
        while phase.poll() is None and not workers(node, "MapWorker") and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            phase.wait(seconds)
        killed = phase.poll() is None
        tree = _tree(node)
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    finally:
        cluster.remove_node(node)
    _, alive = psutil.wait_procs(tree, timeout=10)
    before = verify.finished(scene.store, golden)
    first = phase.wait(_PATIENCE_S)
    half = verify.half_visible(scene.store, stage, PARTITION)
    second = first if first == 0 else _start(scene, cluster, stage).wait(_PATIENCE_S)
    damage = verify.compare(scene.store, golden)._replace(
        shards_recomputed=verify.recomputed(scene.store, golden, before, ""),
        half_visible=half,
        processes_left=len(alive) + len(set(verify.processes_of(scene.store.root)) - others),
    )
    if second != 0:
        damage = damage._replace(not_recovered=f"the phase ended with {first}, the re-run with {second}")
    moment = f"{seconds:.2f} s after its engine started"
    return Kill(seed, "ray node", stage, moment, killed, len(before), first == 0, damage, time.monotonic() - began)


def _start(scene: Scene, cluster: RayCluster, stage: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlpo_core", "run", stage, "--experiment", PARTITION, "--set", "launcher=ray"],
        cwd=REPOSITORY,
        env={
            **scene.environment,
            "RAY_ADDRESS": cluster.address,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
    )


def _tree(node) -> set[psutil.Process]:
    """Every process of a node."""
    roots = [psutil.Process(info.process.pid) for infos in node.all_processes.values() for info in infos]
    return {process for root in roots for process in (root, *root.children(recursive=True))}

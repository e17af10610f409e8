"""A real Ray cluster on this machine: nodes that come and go, and the Jobs API."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support import REPOSITORY, free_port

_MEMORY = 100 << 20


class RayCluster:
    """A head node with two CPUs, in name; `add_node` adds more."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 2, "object_store_memory": _MEMORY, "include_dashboard": True}
        # Else jobs reach the agent of whichever cluster of this machine was started first.
        ports = {"dashboard_port": free_port(), "dashboard_agent_listen_port": free_port()}
        self._cluster = Cluster(initialize_head=True, head_node_args={**head, **ports})

    @property
    def address(self) -> str:
        """What a driver connects to (`RAY_ADDRESS`)."""
        return self._cluster.address

    @property
    def jobs(self) -> str:
        """Where the Jobs API listens (`RAY_ADDRESS` of who submits)."""
        return f"http://{self._cluster.head_node.webui_url}"

    def add_node(self, gpus: int = 0):
        """One more node with two CPUs, and GPUs in name."""
        return self._cluster.add_node(num_cpus=2, num_gpus=gpus, object_store_memory=_MEMORY)

    def remove_node(self, node) -> None:
        """Kill a node, and what runs on it."""
        self._cluster.remove_node(node, allow_graceful=False)

    def shutdown(self) -> None:
        """Kill all nodes."""
        self._cluster.shutdown()


def workers(node, name: str) -> list[psutil.Process]:
    """The workers of a node that hold an actor of this class."""
    raylets = node.all_processes["raylet"]
    tree = [child for info in raylets for child in psutil.Process(info.process.pid).children(recursive=True)]
    return [process for process in tree if process.is_running() and f"ray::{name}" in "".join(process.cmdline()[:1])]


@contextmanager
def running() -> Iterator[RayCluster]:
    """A cluster whose nodes have this interpreter and this repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # Ray's 15 starves them where anything else runs
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        cluster = RayCluster()
        try:
            yield cluster
        finally:
            cluster.shutdown()

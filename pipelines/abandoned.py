"""Ends runs whose process is gone, and frees the pool slots that they held: who is killed cannot say so himself.

The process that makes a run's assets signs the run with its host, process id and start time, so that a run of this host
whose process is gone is known for certain, and soon. The signature holds the run's id too: a retry is created with the
tags of the run that it repeats, and the dead process of that one says nothing about it. Without this a run killed
outside the daemon's care (`make demo`), or while the database was away, would count as started and hold its slot for
ever. A container is a host of its own: of a run in another one nothing is said here, and Dagster's run monitoring asks
the run launcher whether it lives.
"""

import os
import socket
from pathlib import Path

import dagster as dg

SIGNATURE = ".dagster/mlpo/process"
"""Run tag: host, process id and start time of the process that makes the run's assets, and the run's id.

The UI shows no tag of this prefix."""
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def sign(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say that this process makes the run's assets."""
    pid = os.getpid()
    instance.add_run_tags(run_id, {SIGNATURE: f"{_host()} {pid} {_start_time(pid)} {run_id}"})


def end_abandoned(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs of this host whose process is gone, and free the slots of finished runs; returns the failed ones.

    A slot of a finished run is left alone while its process still lives: a phase may be on its way out.
    """
    ended: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if _is_gone(run):
            instance.report_run_failed(run, "the process that made its assets is gone: it was killed")
            ended.append(run.run_id)
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or (run.is_finished and _is_gone(run)):
            storage.free_concurrency_slots_for_run(run_id)
    return ended


def _is_gone(run: dg.DagsterRun) -> bool:
    """Whether the run is signed by a process of this host, or this container, that does not live any more."""
    match run.tags.get(SIGNATURE, "").split():
        case [host, pid, started, run_id]:
            here = host == _host() and run_id == run.run_id
            return here and started != _start_time(int(pid))
        case _:
            return False


def _host() -> str:
    """Where a process id means one process: a name, which containers may share, and the namespace of process ids."""
    return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').readlink()}"


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]

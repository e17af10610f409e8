"""A run whose process is killed ends, and gives its pool slot back."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from pipelines.abandoned import SIGNATURE, end_abandoned, sign
from pipelines.definitions import defs
from pipelines.slots import ACCELERATOR
from tests.pipelines.conftest import Workshop
from tests.pipelines.test_slots import LEADER
from tests.support import REPOSITORY, wait_for

RUN = """
import sys
import dagster as dg
from pipelines import launch
from pipelines.definitions import defs
from pipelines.partitions import register

launch.COMMAND = (sys.executable, "-c", "import pathlib, time; pathlib.Path('started').touch(); time.sleep(600)")
with dg.DagsterInstance.get() as instance:
    register(instance)
    defs.resolve_job_def("experiment_chain").execute_in_process(
        instance=instance, partition_key="votes", asset_selection=[dg.AssetKey("base_models")]
    )
"""


def test_a_killed_run_is_ended_and_its_slot_freed(workshop: Workshop) -> None:
    workshop.write(leader=LEADER)
    assert workshop.materialize("tasks").success
    home = workshop.folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text().replace(".dagster/", f"{home}/"))
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        cwd=workshop.folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(Path(workshop.folder / "started").exists, 60, "the phase has started")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert end_abandoned(instance) == [], "it lives"
            assert slots(instance) == 1
            run.kill()
            run.wait()
            assert slots(instance) == 1, "the danger is real"
            [killed] = instance.get_runs()
            assert end_abandoned(instance) == [killed.run_id]
            assert slots(instance) == 0
            [killed] = instance.get_runs()
            assert killed.status == dg.DagsterRunStatus.FAILURE
            assert end_abandoned(instance) == []
            retry = retried(instance, killed)
            assert retry.tags[SIGNATURE] == killed.tags[SIGNATURE], "the danger is real"
            assert end_abandoned(instance) == [], "the dead process is not the retry's"
    finally:
        run.kill()
        run.wait()


def test_nothing_is_said_of_a_process_in_another_container(workshop: Workshop) -> None:
    """Neither where its host has another name, nor where it has this one's and process ids of its own."""
    run = workshop.instance.create_run_for_job(
        defs.resolve_job_def("experiment_chain"), status=dg.DagsterRunStatus.STARTED
    )
    sign(workshop.instance, run.run_id)
    host, _, *rest = workshop.instance.get_run_by_id(run.run_id).tags[SIGNATURE].split()
    name, _, processes = host.partition("/")
    nobody = str(2**22 + 1)  # no process has so high an id
    for other in (f"0123456789ab/{processes}", f"{name}/pid:[1]"):
        workshop.instance.add_run_tags(run.run_id, {SIGNATURE: " ".join([other, nobody, *rest])})
        assert end_abandoned(workshop.instance) == []
    workshop.instance.add_run_tags(run.run_id, {SIGNATURE: " ".join([host, nobody, *rest])})
    assert end_abandoned(workshop.instance) == [run.run_id], "the same of this host is known to be gone"


def retried(instance: dg.DagsterInstance, failed: dg.DagsterRun) -> dg.DagsterRun:
    """A started retry, with the tags that Dagster gives it, before its first asset is begun."""
    return instance.create_run_for_job(
        defs.resolve_job_def("experiment_chain"),
        tags={**failed.tags, "dagster/parent_run_id": failed.run_id, "dagster/root_run_id": failed.run_id},
        parent_run_id=failed.run_id,
        root_run_id=failed.run_id,
        status=dg.DagsterRunStatus.STARTED,
    )


def slots(instance: dg.DagsterInstance) -> int:
    return len(instance.event_log_storage.get_concurrency_info(ACCELERATOR).claimed_slots)

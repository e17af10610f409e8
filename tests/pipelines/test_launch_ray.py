"""Phases as jobs on a real Ray cluster: live, in their own words, and gone with the run."""

import os
import signal
import subprocess
import sys

import pytest

from mlpo_core.errors import BadInput
from pipelines import launch_ray
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure
from tests.ray_cluster import RayCluster
from tests.support import REPOSITORY, wait_for


def sums(train: int, subject: str = "sum") -> list[dict[str, object]]:
    return [{"benchmark": "procedural", "subjects": [subject], "train": train, "dev": 1, "test": 1}]


def jobs(cluster: RayCluster):
    """The cluster's jobs by status."""
    from ray.job_submission import JobSubmissionClient

    found = JobSubmissionClient(cluster.jobs).list_jobs()
    return [str(job.status.value) for job in found if job.submission_id and job.submission_id.startswith("mlpo-")]


@pytest.mark.slow
def test_a_phase_runs_on_the_cluster_and_says_why_it_fails(workshop: Workshop, ray_cluster: RayCluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", ray_cluster.jobs)
    before = len(jobs(ray_cluster))
    workshop.write("far", launcher="ray", tasks=sums(4))
    result = workshop.materialize("tasks", experiment="far")
    assert result.success, failure(result)
    assert any("tasks: making version" in (event.message or "") for event in logged(workshop, result))
    workshop.write("wrong", launcher="ray", tasks=sums(4, "nonsense"))
    assert "nonsense" in failure(workshop.materialize("tasks", experiment="wrong"))
    assert sorted(jobs(ray_cluster)[: len(jobs(ray_cluster)) - before]) == ["FAILED", "SUCCEEDED"]


@pytest.mark.slow
def test_what_holds_a_model_goes_where_the_gpus_are(workshop: Workshop, ray_cluster: RayCluster, monkeypatch):
    from ray.job_submission import JobSubmissionClient

    monkeypatch.setenv("RAY_ADDRESS", ray_cluster.jobs)
    monkeypatch.setenv(launch_ray.GPUS, "1")
    team = {"agents": [{"name": "alpha", "model": "pretrain:llama"}]}
    here = {"team": team, "base_models": {"steps": 1, "batch_size": 4}, "engine": {"kind": "transformers"}}
    workshop.write("far", launcher="ray", tasks=sums(5), **here)
    node = ray_cluster.add_node(gpus=1)
    try:
        result = workshop.materialize("tasks", "base_models", experiment="far")
        assert result.success, failure(result)
        newest, before = sorted(
            (job for job in JobSubmissionClient(ray_cluster.jobs).list_jobs() if job.submission_id),
            key=lambda job: -job.start_time,
        )[:2]
    finally:
        ray_cluster.remove_node(node)
    assert newest.driver_node_id == node.node_id, "base_models holds a model"
    assert before.driver_node_id != node.node_id, "tasks holds none, and stays on the head"


def test_how_many_gpus_is_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv(launch_ray.GPUS, "many")
    with pytest.raises(BadInput, match=r"MLPO_RAY_GPUS is 'many'"):
        launch_ray.run_on_ray(None, tmp_path / "spec.json", holds_model=True)


RUN = """
import dagster as dg
from pipelines.definitions import defs
from pipelines.partitions import register

with dg.DagsterInstance.get() as instance:
    register(instance)
    defs.resolve_job_def("experiment_chain").execute_in_process(
        instance=instance, partition_key="long", asset_selection=[dg.AssetKey("tasks")]
    )
"""


@pytest.mark.slow
def test_ending_the_run_stops_the_job(workshop: Workshop, ray_cluster: RayCluster):
    workshop.write("long", launcher="ray", tasks=sums(50_000_000))
    home = workshop.folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": str(REPOSITORY),
            "RAY_ADDRESS": ray_cluster.jobs,
        },
        cwd=workshop.folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: "RUNNING" in jobs(ray_cluster), 120, "the job is running")
        run.send_signal(signal.SIGTERM)
        wait_for(lambda: "STOPPED" in jobs(ray_cluster), 60, "the job is stopped")
        run.wait(60)
        assert "RUNNING" not in jobs(ray_cluster)
    finally:
        run.kill()


def test_without_dagster_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster_ray.core.pipes", None)
    with pytest.raises(BadInput, match=r"pip install 'mlpo\[ray\]'"):
        launch_ray.run_on_ray(None, tmp_path / "spec.json")


def logged(workshop: Workshop, result):
    return [record.event_log_entry for record in workshop.instance.get_records_for_run(result.run_id).records]

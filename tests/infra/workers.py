"""Runs that count as started, for launchers to start workers for."""

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

JOB = "experiment_chain"


def started(
    instance: dg.DagsterInstance, entry_point: list[str] | None = None, tags: dict[str, str] | None = None
) -> dg.DagsterRun:
    """A run whose worker is `ENTRY_POINT api execute_run …`; by default Dagster's own."""
    pointer = ModuleCodePointer("pipelines.definitions", "defs", working_directory=None)
    repository = RepositoryPythonOrigin("python", pointer, entry_point=entry_point or ["dagster"])
    run = dg.DagsterRun(
        job_name=JOB,
        status=dg.DagsterRunStatus.STARTED,
        job_code_origin=JobPythonOrigin(JOB, repository),
        tags=tags or {},
    )
    return instance.add_run(run)


def again(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    """The run as it is now."""
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found

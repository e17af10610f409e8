"""Change some settings for one run: the launchpad's values become a point with a name, and that is what is made."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import dagster as dg

from mlpo_core.chain.naming import name_point
from mlpo_core.store import Store
from pipelines.defs.automation import CHAIN
from pipelines.errors import as_failure
from pipelines.launchpad import said, schema
from pipelines.tags import APPROVED, FRESH, POINT


@dg.op(config_schema=schema())
def name_settings(context: dg.OpExecutionContext) -> None:
    """Checks the settings, records them under a name, and adds the partition of that name."""
    with as_failure():
        point = name_point(context.op_config["experiment"], said(context.op_config), Store())
    context.instance.add_dynamic_partitions("experiment", [point.name])
    context.instance.add_run_tags(context.run_id, {POINT: point.name})
    context.log.info(f"{point.name} is made next: launched within a minute")


@dg.job(executor_def=dg.in_process_executor)
def try_settings() -> None:
    """Make an experiment with other settings, filled in at the launchpad: a point with a name and a partition."""
    name_settings()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[try_settings],
    request_job=CHAIN,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def named_points(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """Makes the points that `try_settings` named."""
    run = context.dagster_run
    config = cast("Mapping[str, Any]", run.run_config)["ops"][name_settings.name]["config"]
    yield dg.RunRequest(
        run_key=run.run_id,
        partition_key=run.tags[POINT],
        asset_selection=[dg.AssetKey(asset) for asset in config.get("assets", ())] or None,
        tags={name: run.tags[name] for name in (APPROVED, FRESH) if name in run.tags},
    )

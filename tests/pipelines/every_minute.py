"""The code location with its nightly schedule due every minute while no run is under way, for a daemon in a test."""

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from pipelines import definitions
from pipelines.defs.automation import CHAIN, nightly

_UNDER_WAY = dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)


@dg.schedule(cron_schedule="* * * * *", job=CHAIN, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_minute(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    if context.instance.get_runs_count(_UNDER_WAY):
        return dg.SkipReason("a run is under way")
    return nightly(context)


defs = dg.Definitions.merge(definitions.defs, dg.Definitions(schedules=[every_minute]))

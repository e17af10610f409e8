"""Whether each report in use was confirmed lately: the nightly schedule does, a missed night warns and two fail.

Dagster's own freshness policies look at an asset as a whole: with one fresh partition all others count as fresh. Here
freshness is a check with a state per experiment. It is evaluated with every report, and by a small run once a state
changes with time alone.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # has no public name
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._time import get_current_timestamp

from pipelines.partitions import EXPERIMENTS
from pipelines.stage_checks import quietly

REPORT = dg.AssetKey("benchmark_report")
CHECK = "confirmed"
WARN_AFTER, FAIL_AFTER = timedelta(hours=26), timedelta(hours=50)


def _confirmed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    found = latest(context.instance, [context.partition_key]).get(context.partition_key)
    if found is None:
        message = "no report has been made"
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=message)
    passed, severity, message = judged(get_current_timestamp() - found.timestamp)
    return dg.AssetCheckResult(passed=passed, severity=severity, description=message)


with quietly():
    confirmed = dg.asset_check(
        asset=REPORT,
        name=CHECK,
        description=f"Made or confirmed within {WARN_AFTER.total_seconds() / 3600:.0f} hours.",
        partitions_def=EXPERIMENTS,
    )(_confirmed)


@dg.op(config_schema={"experiments": [str]})
def judge_reports(context: dg.OpExecutionContext) -> None:
    """Writes the state of the check for some experiments."""
    for experiment, record in latest(context.instance, context.op_config["experiments"]).items():
        # An event of a run: of those outside runs Dagster keeps one per check and partition, for ever.
        context.log_event(_evaluation(experiment, record))  # pyright: ignore[reportArgumentType] - is taken too


@dg.job(executor_def=dg.in_process_executor)
def report_states() -> None:
    """Judges the age of reports anew: what `overdue_reports` starts."""
    judge_reports()


@dg.sensor(job=report_states, minimum_interval_seconds=300, default_status=dg.DefaultSensorStatus.RUNNING)
def overdue_reports(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Has the states of reports written that became overdue, or stopped being so: all of them in one run."""
    known = set(context.instance.get_dynamic_partitions("experiment"))
    made = context.instance.get_materialized_partitions(REPORT)
    said: Mapping[str, str] = json.loads(context.cursor) if context.cursor else {}
    now = {experiment: _state(record) for experiment, record in latest(context.instance, known & made).items()}
    changed = sorted(experiment for experiment, state in now.items() if said.get(experiment, "PASS") != state)
    context.update_cursor(json.dumps(now))
    if not changed:
        return dg.SkipReason("no report has become overdue, or stopped being so")
    return dg.RunRequest(run_config={"ops": {judge_reports.name: {"config": {"experiments": changed}}}})


def latest(instance: dg.DagsterInstance, experiments: Iterable[str]) -> dict[str, dg.EventLogRecord]:
    """The last materialization of each of these experiments' reports; one that has none is left out."""
    storage, wanted = instance.event_log_storage, set(experiments)
    ids = storage.get_latest_storage_id_by_partition(REPORT, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted)
    if not ids:
        return {}
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=REPORT, storage_ids=list(ids.values())), limit=len(ids)
    )
    return {str(record.partition_key): record for record in found.records}


def judged(age_s: float) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Whether a report of this age passes, how bad it is if not, and that in words."""
    hours = f"made or confirmed {age_s / 3600:.0f} hours ago"
    if age_s < WARN_AFTER.total_seconds():
        return True, dg.AssetCheckSeverity.WARN, hours
    failed = age_s >= FAIL_AFTER.total_seconds()
    severity = dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN
    return False, severity, f"{hours}: {'two nights' if failed else 'a night'} missed"


def _state(record: dg.EventLogRecord) -> str:
    passed, severity, _ = judged(get_current_timestamp() - record.timestamp)
    return "PASS" if passed else severity.value


def _evaluation(experiment: str, record: dg.EventLogRecord) -> dg.AssetCheckEvaluation:
    passed, severity, message = judged(get_current_timestamp() - record.timestamp)
    return dg.AssetCheckEvaluation(
        asset_key=REPORT,
        check_name=CHECK,
        passed=passed,
        severity=severity,
        description=message,
        partition=experiment,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        ),
    )

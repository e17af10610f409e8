"""Whether each report in use was confirmed lately: the nightly schedule does, a missed night warns and two fail.

Dagster's own freshness policies look at an asset as a whole: with one fresh partition all others count as fresh. Here
freshness is a check with a state per experiment. It is evaluated with every report, and by a small run once a state
changes with time alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

import dagster as dg
from dagster._time import get_current_timestamp

from pipelines.evaluations import evaluation, latest, log, summary
from pipelines.partitions import EXPERIMENTS
from pipelines.stage_checks import quietly

REPORT = dg.AssetKey("benchmark_report")
CHECK = "confirmed"
WARN_AFTER, FAIL_AFTER = timedelta(hours=26), timedelta(hours=50)


def _confirmed(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    if not context.has_partition_key:
        said = summary(REPORT.to_user_string(), CHECK, _judged_anew(context.op_execution_context))
        # Of a result Dagster would ask which partition's report it is of.
        log(context.op_execution_context, evaluation(REPORT, said))
        return
    found = latest(context.instance, REPORT, [context.partition_key]).get(context.partition_key)
    if found is None:
        message = "no report has been made"
        severity = dg.AssetCheckSeverity.WARN
        yield dg.AssetCheckResult(passed=False, check_name=CHECK, severity=severity, description=message)
    else:
        yield _result(found)


def _judged_anew(
    context: dg.OpExecutionContext, experiments: Iterable[str] | None = None
) -> dict[str, dg.AssetCheckResult]:
    """Write the states of some experiments' reports, or of all."""
    known = context.instance.get_dynamic_partitions("experiment") if experiments is None else experiments
    found = latest(context.instance, REPORT, known)
    said = {experiment: _result(record) for experiment, record in found.items()}
    for experiment, result in said.items():
        log(context, evaluation(REPORT, result, experiment, found[experiment]))
    return said


with quietly():
    confirmed = dg.multi_asset_check(
        name=f"{REPORT.to_user_string()}_{CHECK}",
        specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=REPORT,
                description=f"Made or confirmed within {WARN_AFTER.total_seconds() / 3600:.0f} hours.",
                partitions_def=EXPERIMENTS,
            )
        ],
        can_subset=True,  # so that it may also log what it has to say
    )(_confirmed)


@dg.op(config_schema={"experiments": [str]})
def judge_reports(context: dg.OpExecutionContext) -> None:
    """Writes the state of the check for some experiments."""
    _judged_anew(context, context.op_config["experiments"])


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
    now = {experiment: _state(record) for experiment, record in latest(context.instance, REPORT, known & made).items()}
    changed = sorted(experiment for experiment, state in now.items() if said.get(experiment, "PASS") != state)
    context.update_cursor(json.dumps(now))
    if not changed:
        return dg.SkipReason("no report has become overdue, or stopped being so")
    return dg.RunRequest(run_config={"ops": {judge_reports.name: {"config": {"experiments": changed}}}})


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


def _result(record: dg.EventLogRecord) -> dg.AssetCheckResult:
    passed, severity, message = judged(get_current_timestamp() - record.timestamp)
    return dg.AssetCheckResult(passed=passed, check_name=CHECK, severity=severity, description=message)

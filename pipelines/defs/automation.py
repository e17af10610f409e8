"""What starts runs: a sensor that registers experiments, and a nightly re-run that recomputes only what changed."""

import hashlib
import json
import logging
import os
import urllib.request
from collections.abc import Iterator

import dagster as dg

from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment.files import files
from mlpo_core.store import Store
from mlpo_core.store.points import recorded
from pipelines.abandoned import end_abandoned
from pipelines.foresight import asks, foreseen
from pipelines.partitions import EXPERIMENTS, changes, names
from pipelines.settings import data_versions, latest_data_versions, observation

_CODE = "the code"
"""Stands among the names of experiments, of which none has a space."""
CHAIN = dg.define_asset_job(
    "experiment_chain",
    selection=dg.AssetSelection.assets(*STAGES),
    partitions_def=EXPERIMENTS,
    description="Every asset of one experiment. What is there already is reused.",
)


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def experiment_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Registers new experiment files, shown points and named ones as partitions, and retires those of removed files.

    Settings and code that are not those seen last are observed, so that partitions show what is stale.
    """
    now = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files()}
    now |= dict.fromkeys(recorded(Store()), "named")
    now[_CODE] = hashlib.sha256("\n".join(stage.code() for stage in STAGES.values()).encode()).hexdigest()
    before: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    if now == before:
        return dg.SkipReason("no experiment file and no code is new or edited")
    edited = [name for name, digest in now.items() if before.get(name) not in (None, digest)]
    new, retired = changes(context.instance)
    requests = [
        *([EXPERIMENTS.build_add_request(new)] if new else []),
        *([EXPERIMENTS.build_delete_request(retired)] if retired else []),
    ]
    said = {"registered": new, "edited": edited, "retired": retired}
    return dg.SensorResult(
        skip_reason="; ".join(f"{what}: {', '.join(names) or 'none'}" for what, names in said.items()),
        dynamic_partitions_requests=requests,
        asset_events=list(_observed(context.instance)),
        cursor=json.dumps(now),
    )


def _observed(instance: dg.DagsterInstance) -> Iterator[dg.AssetObservation]:
    """The settings that are not those observed last. Of every file: one may take its leaders from an edited one."""
    last = {asset: latest_data_versions(instance, asset) for asset in STAGES}
    for partitions in names().values():
        for partition in partitions:
            for asset, version in data_versions(partition).items():
                if last[asset].get(partition) != version:
                    yield observation(partition, asset, version)


changed = dg.AutomationConditionSensorDefinition(
    "changed",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="When switched on, makes again within a minute what was made with other settings or from other inputs.",
)


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def abandoned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fails the runs whose process was killed, and frees the pool slots that they held."""
    ended = end_abandoned(context.instance)
    return dg.SkipReason(f"ended: {', '.join(ended) or 'none'}")


@dg.schedule(cron_schedule="0 3 * * *", job=CHAIN, execution_timezone="UTC")
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Materializes again what was ever materialized, per experiment.

    Mutable inputs (hub revisions, files, the experiment itself) are read anew, and only what they changed is computed.
    An experiment that asks before it makes anything is left out until somebody made what it lacks.
    """
    made: dict[str, list[dg.AssetKey]] = {}
    for asset in STAGES:
        for partition in context.instance.get_materialized_partitions(dg.AssetKey(asset)):
            made.setdefault(partition, []).append(dg.AssetKey(asset))
    known = set(context.instance.get_dynamic_partitions("experiment"))
    requests = [
        dg.RunRequest(
            run_key=f"{partition}@{context.scheduled_execution_time.isoformat()}",
            partition_key=partition,
            asset_selection=assets,
        )
        for partition, assets in sorted(made.items())
        if partition in known and not _waits_for_a_person(context, partition, assets)
    ]
    return requests or dg.SkipReason("nothing has been materialized yet")


def _waits_for_a_person(context: dg.ScheduleEvaluationContext, partition: str, assets: list[dg.AssetKey]) -> bool:
    names = [asset.to_user_string() for asset in assets]
    try:
        lacking = foreseen(partition, set(names)) if asks(partition, names) else []
    except BadInput:
        return False  # its run says so
    if lacking:
        context.log.warning(f"{partition} asks before it makes {', '.join(lacking)}: left out")
    return bool(lacking)


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
def failure_hook(context: dg.RunFailureSensorContext) -> None:
    """Posts a failed run as JSON to the URL in `$MLPO_FAILURE_WEBHOOK`; without it, only logs."""
    run = context.dagster_run
    experiment = run.tags.get("dagster/partition", "")
    message = f"run {run.run_id} of experiment {experiment or '(none)'} failed: {context.failure_event.message}"
    logging.getLogger(__name__).error(message)
    url = os.environ.get("MLPO_FAILURE_WEBHOOK")
    if url:
        body = json.dumps({"text": message, "run_id": run.run_id, "experiment": experiment}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the operator's own URL
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the operator's own URL

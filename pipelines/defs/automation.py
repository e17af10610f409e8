"""What starts runs: a sensor that registers experiments, and a nightly re-run that recomputes only what changed."""

import hashlib
import json
import logging
import os
import urllib.request

import dagster as dg

from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment.files import files
from pipelines.abandoned import end_abandoned
from pipelines.partitions import EXPERIMENTS, register

CHAIN = dg.define_asset_job(
    "experiment_chain",
    selection=dg.AssetSelection.assets(*STAGES),
    partitions_def=EXPERIMENTS,
    description="Every asset of one experiment. What is there already is reused.",
)


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def experiment_files(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Registers new and edited experiment files, and their sweep points, as partitions."""
    now = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files()}
    before: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    if now == before:
        return dg.SkipReason("no experiment file is new or edited")
    edited = [name for name, digest in now.items() if before.get(name) not in (None, digest)]
    registered = register(context.instance)
    context.update_cursor(json.dumps(now))
    return dg.SkipReason(f"registered: {', '.join(registered) or 'none'}; edited: {', '.join(edited) or 'none'}")


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def abandoned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fails the runs whose process was killed, and frees the pool slots that they held."""
    ended = end_abandoned(context.instance)
    return dg.SkipReason(f"ended: {', '.join(ended) or 'none'}")


@dg.schedule(cron_schedule="0 3 * * *", job=CHAIN, execution_timezone="UTC")
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Materializes again what was ever materialized, per experiment.

    Mutable inputs (hub revisions, files, the experiment itself) are read anew, and only what they changed is computed.
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
        if partition in known
    ]
    return requests or dg.SkipReason("nothing has been materialized yet")


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
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

"""Dagster's runs, pools, schedules and the seconds of stages as Prometheus metrics: `python -m pipelines.metrics`.

Read from the instance's storage at every scrape, so that nothing is lost when this restarts.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType  # these two have no public name
from dagster._core.scheduler.instigation import TickStatus

from mlpo_core.chain.stages import STAGES

PORT = 9464
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
_PARTITION = "dagster/partition"


class Sample(NamedTuple):
    """One value of a gauge."""

    value: float
    labels: Mapping[str, str] = {}


def runs(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Runs by status, of all that the instance remembers."""
    for status in dg.DagsterRunStatus:
        count = instance.get_runs_count(dg.RunsFilter(statuses=[status]))
        yield Sample(count, {"status": status.value.lower()})


def silent(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Seconds since a run that goes on wrote its last event; phases say how far they are at least every few minutes."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        events = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        if events:
            labels = {"run": run.run_id, "experiment": run.tags.get(_PARTITION, "")}
            yield Sample(time.time() - events[0].timestamp, labels)


def queued(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Seconds that the oldest queued run has waited; 0 when none waits."""
    waiting = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=1, ascending=True)
    yield Sample(time.time() - waiting[0].create_timestamp.timestamp() if waiting else 0.0)


def pools(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Slots of each pool: how many there are, how many are held, and how many phases wait for one."""
    storage = instance.event_log_storage
    for pool, info in storage.get_concurrency_infos(sorted(storage.get_concurrency_keys())).items():
        held = {(slot.run_id, slot.step_key) for slot in info.claimed_slots}
        waiting = [step for step in info.pending_steps if (step.run_id, step.step_key) not in held]
        for what, count in (("all", info.slot_count), ("held", len(held)), ("waited_for", len(waiting))):
            yield Sample(count, {"pool": pool, "slots": what})


def ticks(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """When each schedule that is switched on last did what it should, in seconds since 1970."""
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        if not state.is_running:
            continue
        last = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=5)
        done = [tick.timestamp for tick in last if tick.status in (TickStatus.SUCCESS, TickStatus.SKIPPED)]
        yield Sample(max(done, default=0.0), {"schedule": state.instigator_name})


def seconds(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Seconds that the version took which each stage materialized last, and whose it was."""
    for record in instance.get_asset_records([dg.AssetKey(asset) for asset in STAGES]):
        event = record.asset_entry.last_materialization
        made = event.asset_materialization if event else None
        if made and "seconds" in made.metadata:
            labels = {"stage": made.asset_key.to_user_string(), "experiment": made.partition or ""}
            yield Sample(float(str(made.metadata["seconds"].value)), labels)


GAUGES: Mapping[str, Callable[[dg.DagsterInstance], Iterator[Sample]]] = {
    "dagster_runs": runs,
    "dagster_run_silent_seconds": silent,
    "dagster_queue_oldest_seconds": queued,
    "dagster_pool_slots": pools,
    "dagster_schedule_tick_timestamp_seconds": ticks,
    "dagster_stage_seconds": seconds,
}


def exposition(instance: dg.DagsterInstance) -> str:
    """Every gauge in Prometheus' text format."""
    lines: list[str] = []
    for name, read in GAUGES.items():
        lines += [f"# HELP {name} {' '.join((read.__doc__ or '').split())}", f"# TYPE {name} gauge"]
        for value, labels in read(instance):
            told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            lines.append(f"{name}{{{told}}} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def server(instance: dg.DagsterInstance, host: str, port: int) -> ThreadingHTTPServer:
    """What answers `GET /metrics`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            body = exposition(instance).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Serve the instance that `$DAGSTER_HOME` describes."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.metrics", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args()
    with dg.DagsterInstance.get() as instance, server(instance, options.host, options.port) as answering:
        answering.serve_forever()


if __name__ == "__main__":
    main()

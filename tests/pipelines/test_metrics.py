"""What Prometheus reads of an instance, over HTTP."""

import re
import threading
import urllib.error
import urllib.request

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from pipelines.metrics import GAUGES, server

STARTED = dg.DagsterRunStatus.STARTED


@dg.asset(name="tasks", partitions_def=dg.StaticPartitionsDefinition(["tiny"]))
def made() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"seconds": 12.5})


@dg.asset
def broken() -> None:
    raise ValueError("on purpose")


@pytest.fixture
def instance(tmp_path):
    quiet = {"telemetry": {"enabled": False}, "concurrency": {"pools": {"default_limit": 1}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), quiet) as instance:
        yield instance


def scrape(instance: dg.DagsterInstance) -> dict[str, float]:
    with server(instance, "127.0.0.1", 0) as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{answering.server_port}"
        with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/secrets", timeout=60)
        answering.shutdown()
    assert set(re.findall(r"# TYPE (\S+) gauge", text)) == set(GAUGES)
    samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


def test_a_schedule_says_when_it_last_did_its_work(instance: dg.DagsterInstance) -> None:
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("mlpo"), "all"), "nightly")
    data = ScheduleInstigatorData("0 3 * * *", start_timestamp=0.0)
    state = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    name = 'dagster_schedule_tick_timestamp_seconds{schedule="nightly"}'
    assert scrape(instance)[name] == 0
    for status, when in ((TickStatus.SUCCESS, 1000.0), (TickStatus.SKIPPED, 2000.0), (TickStatus.FAILURE, 3000.0)):
        identity = (origin.get_id(), "nightly", InstigatorType.SCHEDULE)
        error = SerializableErrorInfo("on purpose", [], None) if status == TickStatus.FAILURE else None
        skipped = "nothing to do" if status == TickStatus.SKIPPED else None
        more = {"run_ids": [], "run_keys": [], "error": error, "skip_reason": skipped, "selector_id": state.selector_id}
        instance.create_tick(TickData(*identity, status, when, **more))
    assert scrape(instance)[name] == 2000
    instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    assert name not in scrape(instance)


def test_runs_pools_queue_and_stage_seconds(instance: dg.DagsterInstance) -> None:
    assert dg.materialize([made], instance=instance, partition_key="tiny").success
    assert not dg.materialize([broken], instance=instance, raise_on_error=False).success
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("accelerator")
    storage.claim_concurrency_slot("accelerator", "one", "mlpo_leader")
    storage.claim_concurrency_slot("accelerator", "two", "mlpo_leader")
    job = dg.define_asset_job("job", [made]).resolve(asset_graph=dg.Definitions([made]).resolve_asset_graph())
    run = instance.create_run_for_job(job, tags={"dagster/partition": 'a "b"'}, status=STARTED)
    instance.report_engine_event("it said something", run)
    found = scrape(instance)
    expected = {
        'dagster_runs{status="success"}': 1,
        'dagster_runs{status="failure"}': 1,
        'dagster_runs{status="started"}': 1,
        'dagster_runs{status="queued"}': 0,
        "dagster_queue_oldest_seconds{}": 0,
        'dagster_pool_slots{pool="accelerator",slots="all"}': 1,
        'dagster_pool_slots{pool="accelerator",slots="held"}': 1,
        'dagster_pool_slots{pool="accelerator",slots="waited_for"}': 1,
        'dagster_stage_seconds{stage="tasks",experiment="tiny"}': 12.5,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert 0 <= found[f'dagster_run_silent_seconds{{run="{run.run_id}",experiment="a \\"b\\""}}'] < 600

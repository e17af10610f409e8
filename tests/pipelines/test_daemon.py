"""The schedule, the sensor and a backfill as the real daemon carries them out: unchanged, changed, fresh."""

from collections.abc import Iterator

import dagster as dg
import pytest

from pipelines.stage_checks import REPRODUCED
from pipelines.tags import FRESH
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.webserver import Server, configure, serving
from tests.support import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # a machine that others use takes three times as long

BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
BACKFILL_STATUS = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }
"""


@pytest.fixture
def ticking(workshop: Workshop) -> Iterator[tuple[Workshop, Server]]:
    """A workshop whose chain is made, and a webserver and a daemon on its instance."""
    configure(workshop.folder)
    with dg.DagsterInstance.from_config(str(workshop.folder)) as instance:
        workshop = workshop._replace(instance=instance)
        workshop.prepare()
        with serving(workshop.folder, "-m", "tests.pipelines.every_minute") as server:
            yield workshop, server


def test_the_daemon_computes_again_only_what_changed(ticking: tuple[Workshop, Server]) -> None:
    workshop, server = ticking
    instance = workshop.instance
    seen = {run.run_id for run in instance.get_runs()}

    assert outcomes(instance, next_run(instance, seen)) == dict.fromkeys(RECORDED, "reused")

    workshop.write(filter={"max_correct_rate": 0.8})
    workshop.write("second")
    changed = {**dict.fromkeys(RECORDED, "reused"), "hard_tasks": "made"}
    wait_for(lambda: outcomes(instance, next_run(instance, seen)) == changed, 300, "the edit is computed")
    wait_for(lambda: "second" in partitions(instance), 120, "the sensor has registered the new file")

    params = {
        "assetSelection": [{"path": [asset]} for asset in RECORDED],
        "partitionNames": ["votes", "second"],
        "tags": [{"key": FRESH, "value": "monday"}],
    }
    launched = server.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = launched["backfillId"]
    status = wait_for(lambda: ended(server, backfill), 400, "the backfill has ended")
    assert status == "COMPLETED_SUCCESS"
    runs = {r.tags["dagster/partition"]: r for r in instance.get_runs() if r.tags.get("dagster/backfill") == backfill}
    assert set(runs) == {"votes", "second"}
    assert all(run.is_success for run in runs.values())
    made = {name: outcomes(instance, run.run_id) for name, run in runs.items()}
    for asset in RECORDED:
        assert "made" in (made["votes"][asset], made["second"][asset]), f"{asset}: fresh, and shared where both ask it"
    assert made["votes"]["hard_tasks"] == made["second"]["hard_tasks"] == "made", "their filters differ"
    assert drift(instance, runs["votes"].run_id) == dict.fromkeys(RECORDED, "the same rows as before")


def partitions(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("experiment"))


def ended(server: Server, backfill: str) -> str | None:
    status = server.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"]
    return None if status in ("REQUESTED", "COMPLETING") else status


def next_run(instance: dg.DagsterInstance, seen: set[str]) -> str:
    """The id of a scheduled run that is not among SEEN, once it has succeeded; it becomes seen."""

    def finished() -> str | None:
        for run in instance.get_runs():
            if run.run_id not in seen and run.is_finished:
                assert run.is_success and run.tags["dagster/schedule_name"] == "every_minute"
                return run.run_id
        return None

    run_id = wait_for(finished, 240, "a scheduled run has ended")
    seen.add(run_id)
    return run_id


def drift(instance: dg.DagsterInstance, run_id: str) -> dict[str, str | None]:
    """Per asset, what the check says that compares a fresh re-run with the version before."""
    logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    return {e.asset_key.to_user_string(): e.description for e in found if e.check_name == REPRODUCED}


def outcomes(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Per materialized asset, the first word of its outcome: made or reused."""
    said: dict[str, str] = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = entry.get_dagster_event().step_materialization_data.materialization
        outcome = str(materialization.metadata["outcome"].value)
        said[materialization.asset_key.to_user_string()] = outcome.split()[0]
    return said

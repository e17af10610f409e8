"""A report that no night confirmed is overdue, in its own experiment alone."""

from collections.abc import Iterator

import dagster as dg
import pytest

from pipelines.definitions import defs
from pipelines.defs import confirmation
from pipelines.defs.confirmation import CHECK, REPORT, overdue_reports, report_states
from pipelines.evaluations import latest

HOUR = 3600


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("experiment", ["old", "new", "never"])
        yield instance


def report(instance: dg.DagsterInstance, experiment: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(REPORT, partition=experiment))


def tick(instance: dg.DagsterInstance, cursor: str | None) -> tuple[dict[str, tuple[bool, str]], str | None]:
    """What the run says that the sensor asks for, by experiment, and the sensor's cursor."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    said = overdue_reports(context)
    if not isinstance(said, dg.RunRequest):
        return {}, context.cursor
    result = report_states.execute_in_process(instance=instance, run_config=said.run_config)
    found = [e.asset_check_evaluation_data for e in result.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    return {e.partition: (e.passed, e.severity.value) for e in found}, context.cursor


def states(instance: dg.DagsterInstance) -> dict[str, str]:
    found = instance.event_log_storage.get_asset_check_partition_info([dg.AssetCheckKey(REPORT, CHECK)])
    return {str(info.partition_key): info.latest_execution_status.value for info in found}


def test_each_experiment_is_overdue_for_itself_and_a_change_is_said_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(instance, "old")
    then = latest(instance, REPORT, ["old"])["old"].timestamp

    def at(hours: float) -> None:
        monkeypatch.setattr(confirmation, "get_current_timestamp", lambda: then + hours * HOUR)

    at(25)
    said, cursor = tick(instance, None)
    assert said == {}
    at(27)
    said, cursor = tick(instance, cursor)
    assert said == {"old": (False, "WARN")}
    assert tick(instance, cursor)[0] == {}
    at(51)
    said, cursor = tick(instance, cursor)
    assert said == {"old": (False, "ERROR")}
    at(0)
    report(instance, "new")
    report(instance, "old")
    said, cursor = tick(instance, cursor)
    assert said == {"old": (True, "WARN")}
    assert states(instance) == {"old": "SUCCEEDED"}, "nothing is said of what was never made"


def test_the_check_itself_looks_at_its_experiment_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(instance, "old")
    later = latest(instance, REPORT, ["old"])["old"].timestamp + 51 * HOUR
    monkeypatch.setattr(confirmation, "get_current_timestamp", lambda: later)
    job = defs.resolve_job_def("experiment_chain").get_subset(
        asset_selection=set(), asset_check_selection={dg.AssetCheckKey(REPORT, CHECK)}
    )
    found: dict[str, tuple[bool, str | None]] = {}
    for experiment in ("old", "never"):
        result = job.execute_in_process(instance=instance, partition_key=experiment)
        [evaluation] = result.get_asset_check_evaluations()
        found[experiment] = (evaluation.passed, evaluation.description)
    result = job.execute_in_process(instance=instance)
    assert states(instance)["old"] == "FAILED"
    [evaluation] = [e for e in result.get_asset_check_evaluations() if e.partition is None]
    assert (evaluation.passed, evaluation.description) == (False, "1 experiments; failed: old")
    assert found == {
        "old": (False, "made or confirmed 51 hours ago: two nights missed"),
        "never": (False, "no report has been made"),
    }

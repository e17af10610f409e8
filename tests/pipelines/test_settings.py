"""An edited experiment shows what is stale, and only that is made again."""

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from mlpo_core.chain import stage
from mlpo_core.chain.experiments import find
from mlpo_core.chain.stages import STAGES
from pipelines.definitions import defs
from pipelines.partitions import register
from pipelines.settings import data_version, latest_data_versions, settings_key
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.results import failure
from tests.pipelines.test_automation import tick

GRAPH = defs.resolve_asset_graph()


def status(workshop: Workshop, partition: str = "copy") -> dict[str, str]:
    """By asset, what Dagster says of it."""
    resolver = CachingStaleStatusResolver(workshop.instance, GRAPH, LoadingContextForTest(workshop.instance))
    return {asset: resolver.get_status(dg.AssetKey(asset), partition).value for asset in RECORDED}


def why(workshop: Workshop, asset: str) -> set[tuple[str, str]]:
    resolver = CachingStaleStatusResolver(workshop.instance, GRAPH, LoadingContextForTest(workshop.instance))
    causes = resolver.get_stale_root_causes(dg.AssetKey(asset), "copy")
    return {(cause.asset_key.to_user_string(), cause.reason) for cause in causes}


FRESH = dict.fromkeys(RECORDED, "FRESH")


def test_a_copied_experiment_with_another_threshold_shows_what_is_stale(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write("copy")
    _, cursor = tick(workshop, None)
    assert workshop.materialize(*RECORDED, experiment="copy").success
    assert status(workshop) == status(workshop, "votes") == FRESH
    workshop.write("copy", filter={"max_correct_rate": 0.8})
    assert status(workshop) == FRESH, "nobody has looked yet"
    _, cursor = tick(workshop, cursor)
    assert status(workshop) == {**FRESH, "hard_tasks": "STALE"}
    assert status(workshop, "votes") == FRESH, "another experiment's settings did not change"
    assert why(workshop, "hard_tasks") == {("settings/hard_tasks", "has a new data version")}
    asked = dg.evaluate_automation_conditions(defs, workshop.instance)
    assert asked.total_requested == 0, "the first look sees no change"
    workshop.write("copy", filter={"max_correct_rate": 0.7})
    tick(workshop, cursor)
    asked = dg.evaluate_automation_conditions(defs, workshop.instance, cursor=asked.cursor)
    requested = {asset: asked.get_requested_partitions(dg.AssetKey(asset)) for asset in STAGES}
    assert {asset: found for asset, found in requested.items() if found} == {"hard_tasks": {"copy"}}
    result = workshop.materialize("hard_tasks", experiment="copy")
    assert result.success, failure(result)
    assert status(workshop) == FRESH


def test_other_code_shows_what_is_stale(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.prepare()
    workshop.write("copy")
    _, cursor = tick(workshop, None)
    assert workshop.materialize(*RECORDED, experiment="copy").success
    skipped, _ = tick(workshop, cursor)
    assert skipped == "no experiment file and no code is new or edited"
    known = stage.fingerprint
    monkeypatch.setattr(stage, "fingerprint", lambda *names: known(*names) + "x" * ("filtering" in names[0]))
    tick(workshop, cursor)
    assert status(workshop) == status(workshop, "votes") == {**FRESH, "hard_tasks": "STALE"}


def test_what_a_run_makes_before_the_sensor_looked_is_fresh_afterwards(workshop: Workshop) -> None:
    workshop.prepare()
    tick(workshop, None)
    assert status(workshop, "votes") == FRESH
    workshop.write(filter={"max_correct_rate": 0.8})
    assert workshop.materialize("hard_tasks").success
    tick(workshop, None)
    assert status(workshop, "votes") == FRESH


def test_a_person_can_have_the_settings_read(workshop: Workshop) -> None:
    register(workshop.instance)
    key = settings_key("hard_tasks")
    job = defs.resolve_implicit_job_def_def_for_assets([key])
    assert job.execute_in_process(instance=workshop.instance, partition_key="votes", asset_selection=[key]).success
    assert latest_data_versions(workshop.instance, "hard_tasks") == {"votes": data_version("hard_tasks", find("votes"))}


def test_a_data_version_is_of_what_the_stage_reads_and_of_nothing_else(workshop: Workshop) -> None:
    def versions() -> dict[str, str]:
        return {asset: data_version(asset, find("votes")) for asset in STAGES}

    before = versions()
    workshop.write(filter={"max_correct_rate": 0.8})
    assert {asset for asset in STAGES if versions()[asset] != before[asset]} == {"hard_tasks", "benchmark_report"}
    assert before["sft_leader"] == "not part of this experiment"
    assert {key.to_user_string() for key in GRAPH.get(dg.AssetKey("hard_tasks")).parent_keys} == {
        "agent_proposals",
        settings_key("hard_tasks").to_user_string(),
    }

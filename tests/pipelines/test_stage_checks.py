"""Checks have a state per experiment, and can be run, and left out, by themselves."""

import json
from collections.abc import Mapping

import dagster as dg

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.store import Store
from pipelines.definitions import defs
from pipelines.partitions import EXPERIMENTS, register
from tests.pipelines.conftest import CHAIN, RECORDED, Workshop
from tests.pipelines.results import failure

SCHEMA = dg.AssetCheckKey(dg.AssetKey("hard_tasks"), "schema")
SURVIVE = dg.AssetCheckKey(dg.AssetKey("hard_tasks"), "benchmarks_survive")


def states(workshop: Workshop, check: dg.AssetCheckKey) -> Mapping[str, str]:
    found = workshop.instance.event_log_storage.get_asset_check_partition_info([check])
    return {info.partition_key: info.latest_execution_status.value for info in found if info.partition_key}


def spoil(workshop: Workshop, key: str) -> None:
    """Have the check fail for a version of `hard_tasks`."""
    path = workshop.folder / "root" / "hard_tasks" / key / "checks.json"
    kept = json.loads(path.read_text())
    kept["findings"][SURVIVE.name]["passed"] = False
    path.write_text(json.dumps(kept))


def test_one_experiments_failure_is_its_own(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write("other", filter={"max_correct_rate": 0.8})
    run(resolve("hard_tasks", find("other"), Store()))
    ref = Store().pointed("other", "hard_tasks")
    assert ref is not None
    assert workshop.materialize("tasks", "base_models", "agent_proposals", "hard_tasks", experiment="other").success
    spoil(workshop, ref.key)
    assert not workshop.materialize("hard_tasks", experiment="other").success
    assert states(workshop, SURVIVE) == {"votes": "SUCCEEDED", "other": "FAILED"}


def test_every_check_of_every_stage_is_partitioned_and_can_be_run_alone() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        assert graph.get(key).partitions_def == EXPERIMENTS, key
        assert len(graph.get_execution_set_asset_and_check_keys(key)) == 1, key


def only(
    workshop: Workshop, assets: set[str], checks: set[dg.AssetCheckKey], partition: str | None = "votes"
) -> dg.ExecuteInProcessResult:
    """What the UI launches: exactly these."""
    job = defs.resolve_job_def(CHAIN).get_subset(
        asset_selection={dg.AssetKey(asset) for asset in assets}, asset_check_selection=checks
    )
    return job.execute_in_process(instance=workshop.instance, partition_key=partition, raise_on_error=False)


def test_a_check_alone_looks_at_what_is_there_and_makes_nothing(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write(filter={"max_correct_rate": 0.8})
    result = only(workshop, set(), {SURVIVE})
    assert result.success, failure(result)
    assert result.get_asset_materialization_events() == []
    [evaluation] = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed, evaluation.partition) == (SURVIVE.name, True, "votes")
    assert evaluation.target_materialization_data is not None


def test_execute_all_names_no_experiment_and_looks_at_every_one_that_has_a_version(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write("other", filter={"max_correct_rate": 0.8})
    assert workshop.materialize(*RECORDED, experiment="other").success
    workshop.write("broken")
    assert workshop.materialize(*RECORDED, experiment="broken").success
    (workshop.folder / "experiments" / "broken.yaml").write_text("tasks: [")
    workshop.write("never")
    register(workshop.instance)
    ref = Store().pointed("other", "hard_tasks")
    assert ref is not None
    spoil(workshop, ref.key)
    result = only(workshop, set(), {SURVIVE, SCHEMA}, partition=None)
    found = {(e.check_name, e.partition): (e.passed, e.description) for e in result.get_asset_check_evaluations()}
    assert {key: passed for key, (passed, _) in found.items()} == {
        ("schema", "votes"): True,
        ("schema", "other"): True,
        ("schema", None): True,
        (SURVIVE.name, "votes"): True,
        (SURVIVE.name, "other"): False,
        (SURVIVE.name, None): False,
    }
    assert found[SURVIVE.name, None][1] == "2 experiments; failed: other"
    assert states(workshop, SURVIVE) == {"votes": "SUCCEEDED", "other": "FAILED", "broken": "SUCCEEDED"}
    assert result.get_asset_materialization_events() == []


def test_an_asset_without_its_checks_is_what_a_schedules_tick_launches_by_hand(workshop: Workshop) -> None:
    workshop.prepare()
    result = only(workshop, {"tasks", "hard_tasks"}, set())
    assert result.success, failure(result)
    assert len(result.get_asset_materialization_events()) == 2


def test_a_check_of_what_was_never_made_says_so(workshop: Workshop) -> None:
    register(workshop.instance)
    result = only(workshop, set(), {SURVIVE})
    assert failure(result) == "hard_tasks has not been made for experiment votes: materialize it first"

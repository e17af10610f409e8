"""The graph draws few edges, and still everything that is out of date shows, and is made in order."""

import dagster as dg

from mlpo_core.chain.stages import STAGES
from mlpo_core.store import Store
from pipelines.definitions import defs
from pipelines.reads import ancestors, carried, data_version, drawn
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure


def test_what_is_drawn_reaches_all_that_is_read() -> None:
    def reached(asset: str) -> set[str]:
        return set(drawn(asset)).union(*(reached(upstream) for upstream in drawn(asset)))

    for asset in STAGES:
        assert reached(asset) == ancestors(asset)
        assert not any(upstream in ancestors(other) for upstream in drawn(asset) for other in drawn(asset))
    assert sum(map(len, map(drawn, STAGES))) == 22


def test_a_reader_sees_each_version_that_it_reads_in_one_of_those_drawn() -> None:
    for asset, stage in STAGES.items():
        for upstream in set(stage.inputs) - set(drawn(asset)):
            assert any(upstream in carried(between) for between in drawn(asset)), f"{asset} reads {upstream}"


def test_a_data_version_changes_with_what_it_carries_and_with_nothing_else() -> None:
    before = {"tasks": "t1", "base_models": "b1", "hard_tasks": "h1"}
    version = data_version("agent_proposals", "p1", before)
    assert version.startswith("p1.")
    assert data_version("agent_proposals", "p1", {**before, "hard_tasks": "h2"}) == version
    assert data_version("agent_proposals", "p1", {**before, "tasks": "t2"}) != version
    assert data_version("agent_proposals", "p2", before) != version
    assert data_version("tasks", "t1", {}) == "t1"


def test_a_run_that_leaves_out_the_asset_between_makes_the_others_in_order(workshop: Workshop) -> None:
    workshop.prepare()
    result = workshop.materialize("hard_tasks", "tasks", "agent_proposals")
    assert result.success, failure(result)
    order = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    assert order == ["tasks", "agent_proposals", "hard_tasks"]


def test_new_tasks_show_in_the_data_version_of_models_that_stay_the_same(workshop: Workshop) -> None:
    workshop.prepare()
    versions = []
    for _ in range(2):
        result = workshop.materialize("base_models")
        assert result.success, failure(result)
        [event] = result.asset_materializations_for_node("base_models")
        versions.append(event.tags["dagster/data_version"])
        ref = Store().pointed("votes", "tasks")
        assert ref is not None
    assert versions[0] == versions[1], "nothing changed"
    assert versions[0] == data_version("base_models", versions[0].partition(".")[0], {"tasks": ref.digest})


def test_an_assets_page_says_all_that_it_reads() -> None:
    graph = defs.resolve_asset_graph()
    for asset, stage in STAGES.items():
        said = graph.get(dg.AssetKey(asset)).metadata["reads"]
        assert said == (", ".join(stage.inputs) or "nothing that is made here")

"""The webserver and the daemon as a user starts them: the graph is served, a run can be launched and ended."""

import json
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from mlpo_core.chain.stages import STAGES
from tests.pipelines.webserver import GRAPH, TERMINATE, Server, serving
from tests.support import gone, listening, wait_for, write_recorded

pytestmark = pytest.mark.slow

PARTITIONS = '{ assetNodeOrError(assetKey: {path: ["tasks"]}) { ... on AssetNode { partitionKeys } } }'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "experiments").mkdir()
    write_recorded(folder / "recorded")
    experiment = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded"}],
        "team": {"agents": [{"name": "good", "model": "recorded:good"}]},
        "engine": {"kind": "recorded", "recorded": str(folder / "recorded")},
    }
    (folder / "experiments" / "votes.yaml").write_text(json.dumps(experiment))
    long_training = {
        "name": "long",
        "tasks": [{"benchmark": "procedural", "subjects": ["sum"], "train": 50, "dev": 5, "test": 20}],
        "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
        "base_models": {"steps": 1_000_000, "blind_spots": {"alpha": {"sum": {"3": "8"}}}},
    }
    (folder / "experiments" / "long.yaml").write_text(json.dumps(long_training))
    with serving(folder) as server:
        yield server


def test_the_graph_is_served_and_the_daemon_registers_experiments(server: Server) -> None:
    nodes = server.ask(GRAPH)["assetNodes"]
    assert {node["assetKey"]["path"][-1] for node in nodes} == {*STAGES, "leaderboard"}
    partitioned = [node["partitionDefinition"] for node in nodes if node["assetKey"]["path"] != ["leaderboard"]]
    assert {definition["name"] for definition in partitioned} == {"experiment"}
    wait_for(lambda: set(partitions(server)) == {"long", "votes"}, 120, "the sensor has registered the experiments")


def test_nobody_else_can_connect(server: Server) -> None:
    accepting = listening(server.process.pid)
    assert ("127.0.0.1", server.port) in accepting
    assert {address for address, _ in accepting} == {"127.0.0.1"}


def test_an_asset_can_be_materialized(server: Server) -> None:
    wait_for(lambda: "votes" in partitions(server), 120, "the partition is there")
    run_id = server.launch("tasks", "votes")
    assert wait_for(lambda: server.finished(run_id), 180, "the run has ended") == "SUCCESS"
    [made] = server.run(run_id)["assetMaterializations"]
    labels = {entry["label"] for entry in made["metadataEntries"]}
    assert {"dagster/row_count", "dagster/column_schema", "dagster/column_lineage", "preview", "outcome"} <= labels


def test_terminating_a_run_ends_its_processes(server: Server) -> None:
    wait_for(lambda: "long" in partitions(server), 120, "the partition is there")
    tasks = server.launch("tasks", "long")
    assert wait_for(lambda: server.finished(tasks), 180, "tasks are made") == "SUCCESS"
    run_id = server.launch("base_models", "long")
    spec = wait_for(lambda: phases(server), 180, "the phase has started")
    assert server.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    wait_for(lambda: gone(spec), 10, "nothing of the phase is left")
    assert wait_for(lambda: server.finished(run_id), 60, "the run has ended") == "CANCELED"


def partitions(server: Server) -> list[str]:
    return server.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]


def phases(server: Server) -> list[int]:
    """Process ids of the running phase and its children, once it has some."""
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "mlpo_core" in process.cmdline() and (children := process.children(recursive=True)):
                return [process.pid, *(child.pid for child in children)]
    return []

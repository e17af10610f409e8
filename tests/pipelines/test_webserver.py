"""The webserver and the daemon as a user starts them: the graph is served, a run can be launched and ended."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
import psutil
import pytest

from mlpo_core.chain.stages import STAGES
from pipelines.abandoned import SIGNATURE
from pipelines.slots import ACCELERATOR
from pipelines.tags import MAKES
from tests.pipelines.webserver import GRAPH, TERMINATE, Server, serving
from tests.support import gone, listening, wait_for, write_recorded

pytestmark = pytest.mark.slow

SHORT = {"short": 2, "shorter": 1}
"""Experiments that train as little as can be, with their steps."""
PARTITIONS = '{ assetNodeOrError(assetKey: {path: ["tasks"]}) { ... on AssetNode { partitionKeys } } }'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "experiments").mkdir()
    write_recorded(folder / "recorded")
    experiment = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded", "divide_test": True, "shares": [0.6, 0.1, 0.3]}],
        "team": {"agents": [{"name": "good", "model": "recorded:good"}]},
        "proposals": {"samples_per_agent": 2, "benchmark_samples": 3},
        "engine": {"kind": "recorded", "recorded": str(folder / "recorded")},
    }
    (folder / "experiments" / "votes.yaml").write_text(json.dumps(experiment))
    training = {
        "tasks": [{"benchmark": "procedural", "subjects": ["sum"], "train": 50, "dev": 5, "test": 20}],
        "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
    }
    for name, steps in {"long": 1_000_000, **SHORT}.items():
        models = {"steps": steps, "batch_size": 4, "blind_spots": {"alpha": {"sum": {"3": "8"}}}}
        text = json.dumps({**training, "name": name, "base_models": models})
        (folder / "experiments" / f"{name}.yaml").write_text(text)
    with serving(folder, most_at_work=2) as server:
        yield server


def test_the_graph_is_served_and_the_daemon_registers_experiments(server: Server) -> None:
    nodes = server.ask(GRAPH)["assetNodes"]
    assert {node["assetKey"]["path"][-1] for node in nodes} == {*STAGES, "leaderboard"}
    partitioned = [node["partitionDefinition"] for node in nodes if node["assetKey"]["path"] != ["leaderboard"]]
    assert {definition["name"] for definition in partitioned} == {"experiment"}
    wait_for(
        lambda: set(partitions(server)) == {"long", "votes", *SHORT}, 120, "the sensor has registered the experiments"
    )


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


def test_what_only_reuses_passes_a_training_and_a_killed_worker_gives_its_slot_back(server: Server) -> None:
    succeeded(server, server.launch("tasks", "votes"))
    succeeded(server, server.launch("base_models", "votes"))
    for name in ("long", *SHORT):
        succeeded(server, server.launch("tasks", name))
    with dg.DagsterInstance.from_config(str(server.folder)) as instance:
        training = server.launch("base_models", "long")
        wait_for(lambda: holder(instance) == training, 180, "the training holds the slot")
        waiting, third = (server.launch("base_models", name) for name in SHORT)
        behind = f"waiting for a slot of pool accelerator behind base_models of run {training}"
        wait_for(lambda: behind in log(instance, waiting), 180, "the second says what it waits for")
        started = time.monotonic()
        succeeded(server, server.launch("base_models", "votes"))
        print(f"a run that reuses: {time.monotonic() - started:.1f} s behind a training and two who wait")
        assert holder(instance) == training
        assert server.run(training)["status"] == server.run(waiting)["status"] == "STARTED"
        assert server.run(third)["status"] == "QUEUED", "two runs that hold a model are as many as may be"
        assert instance.get_run_by_id(third).tags[MAKES] == "base_models"
        succeeded(server, server.launch("agent_proposals", "votes"))  # recorded: it is made all the same
        assert holder(instance) == training and server.run(third)["status"] == "QUEUED"
        os.kill(int(instance.get_run_by_id(training).tags[SIGNATURE].split()[1]), signal.SIGKILL)
        succeeded(server, waiting)
        assert server.run(training)["status"] == "FAILURE"
        succeeded(server, third)


def test_terminating_a_run_ends_its_processes(server: Server) -> None:
    wait_for(lambda: "long" in partitions(server), 120, "the partition is there")
    succeeded(server, server.launch("tasks", "long"))
    run_id = server.launch("base_models", "long")
    spec = wait_for(lambda: phases(server), 180, "the phase has started")
    assert server.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    wait_for(lambda: gone(spec), 10, "nothing of the phase is left")
    assert wait_for(lambda: server.finished(run_id), 60, "the run has ended") == "CANCELED"


def succeeded(server: Server, run_id: str) -> None:
    assert wait_for(lambda: server.finished(run_id), 240, "the run has ended") == "SUCCESS"


def holder(instance: dg.DagsterInstance) -> str | None:
    """The run that holds the accelerator."""
    slots = instance.event_log_storage.get_concurrency_info(ACCELERATOR).claimed_slots
    return next((slot.run_id for slot in slots), None)


def log(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(run_id))


def partitions(server: Server) -> list[str]:
    return server.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]


def phases(server: Server) -> list[int]:
    """Process ids of the running phase and its children, once it has some."""
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "mlpo_core" in process.cmdline() and (children := process.children(recursive=True)):
                return [process.pid, *(child.pid for child in children)]
    return []

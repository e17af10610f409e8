"""The webserver and the daemon as a user starts them: the graph is served, a run can be launched and ended."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from mlpo_core.stages import STAGES
from tests.support import REPOSITORY, free_port, gone, wait_for, write_recorded

pytestmark = pytest.mark.slow

GRAPH = "{ assetNodes { assetKey { path } groupName partitionDefinition { name } } }"
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
RUN = """
query ($id: ID!) {
  runOrError(runId: $id) { ... on Run { status assetMaterializations { assetKey { path } metadataEntries { label } } } }
}
"""
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
PARTITIONS = '{ assetNodeOrError(assetKey: {path: ["tasks"]}) { ... on AssetNode { partitionKeys } } }'


class Server(NamedTuple):
    """A webserver and a daemon on one instance."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{self.port}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, asset: str, partition: str) -> str:
        """Materialize as the UI does; returns the run id."""
        selector = {
            "repositoryLocationName": "mlpo",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [asset]}],
        }
        tags = [{"key": "dagster/partition", "value": partition}]
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}, "runConfigData": {}}
        answer = self.ask(LAUNCH, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def run(self, run_id: str) -> Any:
        return self.ask(RUN, id=run_id)["runOrError"]

    def finished(self, run_id: str) -> str | None:
        status = self.run(run_id)["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """`dagster dev` on a copy of the instance's configuration, with experiments of the test's own."""
    settings = (REPOSITORY / "dagster.yaml").read_text()
    (folder / "dagster.yaml").write_text(settings.replace(".dagster/", f"{folder}/dagster/"))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DAGSTER_HOME": str(folder),
            "MLPO_ROOT": str(folder / "root"),
            "MLPO_EXPERIMENTS": str(folder / "experiments"),
        },
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("wb"),
        start_new_session=True,
    )
    server = Server(port, folder, process)

    def healthy() -> bool:
        try:
            return bool(server.ask(GRAPH)["assetNodes"])
        except OSError:
            return False

    try:
        wait_for(healthy, 180, "the webserver is up")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
    assert {node["assetKey"]["path"][-1] for node in nodes} == set(STAGES)
    assert {node["partitionDefinition"]["name"] for node in nodes} == {"experiment"}
    wait_for(lambda: set(partitions(server)) == {"long", "votes"}, 120, "the sensor has registered the experiments")


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

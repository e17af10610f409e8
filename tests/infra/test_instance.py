"""A team's instance as its files describe it: an experiment is run, and its log read, through the UI's API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.infra.composed import Composed
from tests.pipelines.webserver import GRAPH, Server
from tests.postgres_server import PostgresServer
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from tests.support import free_port, wait_for, write_recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PARTITIONS = '{ assetNodeOrError(assetKey: {path: ["tasks"]}) { ... on AssetNode { partitionKeys } } }'
CAPTURED = """
query ($id: ID!) {
  logsForRun(runId: $id) { ... on EventConnection { events { ... on LogsCapturedEvent { fileKey } } } }
}
"""
LOGS = "query ($key: [String!]!) { capturedLogs(logKey: $key) { stderr } }"


class Instance(NamedTuple):
    server: Server
    first: str
    """What was said when the buckets were made."""
    second: str


@pytest.fixture
def instance(postgres: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[Instance]:
    settings = {"POSTGRES_PASSWORD": "unused", "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}
    web, code = free_port(), free_port()
    places = {
        "http://objects:8333": s3.endpoint,
        "hostname: postgres": f"hostname: {postgres.host}",
        "port: 5432": f"port: {postgres.port}",
        "host: code": "host: 127.0.0.1",
        "0.0.0.0": "127.0.0.1",
        "4000": str(code),
        "3000": str(web),
    }
    composed = Composed(tmp_path, settings, places)
    write_recorded(tmp_path / "volumes" / "data" / "recorded")
    experiment = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded"}],
        "team": {"agents": [{"name": "good", "model": "recorded:good"}]},
        "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR/recorded"},
    }
    (tmp_path / "volumes" / "experiments").mkdir()
    (tmp_path / "volumes" / "experiments" / "votes.yaml").write_text(json.dumps(experiment))
    first, second = composed.run("buckets"), composed.run("buckets")
    with composed.running("code", "webserver", "daemon") as services:
        server = Server(web, tmp_path, services["webserver"])

        def healthy() -> bool:
            try:
                return bool(server.ask(GRAPH)["assetNodes"])
            except OSError:
                return False

        wait_for(healthy, 300, "the webserver is up")
        yield Instance(server, first, second)


def test_an_experiment_through_the_uis_api(instance: Instance, s3: S3Server) -> None:
    server = instance.server
    assert instance.first.split("\n") == ["made bucket mlpo", "made bucket mlpo-logs", ""]
    assert instance.second == "", "a second start finds them"
    wait_for(lambda: "votes" in partitions(server), 240, "the daemon has seen the mounted experiment")
    run_id = server.launch("tasks", "votes")
    assert wait_for(lambda: server.finished(run_id), 300, "the run has ended") == "SUCCESS"
    stored = s3.client().list_objects_v2(Bucket="mlpo")["Contents"]
    assert any(entry["Key"].startswith("tasks/") and entry["Key"].endswith("/manifest.json") for entry in stored)
    events = server.ask(CAPTURED, id=run_id)["logsForRun"]["events"]
    [key] = [event["fileKey"] for event in events if "fileKey" in event]
    said = wait_for(
        lambda: server.ask(LOGS, key=[run_id, "compute_logs", key])["capturedLogs"]["stderr"], 60, "the log is there"
    )
    assert "tasks: making version" in said, "the webserver reads what was written beside the code location"


def partitions(server: Server) -> list[str]:
    return server.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]

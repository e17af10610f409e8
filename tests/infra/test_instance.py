"""A team's instance as its files describe it: an experiment is run, and its log read, through the UI's API."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import sync_playwright

from tests.infra.composed import Composed
from tests.infra.docker_engine import Engine
from tests.pipelines.webserver import GRAPH, TERMINATE, Server
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


CHAIN = (
    *("tasks", "base_models", "agent_proposals", "hard_tasks"),
    *("benchmark_proposals", "benchmark_predictions", "benchmark_report"),
)
LINKS = """{ assetNodeOrError(assetKey: {path: ["benchmark_report"]}) { ... on AssetNode {
  assetMaterializations(limit: 1) { metadataEntries { label ... on UrlMetadataEntry { url } } }
} } }"""
VIEWER_KEY = "what-the-viewer-knows-the-proxy-by"


class Instance(NamedTuple):
    composed: Composed
    services: dict[str, subprocess.Popen[bytes]]
    engine: Engine
    server: Server
    artifacts: int
    viewer: int
    first: str
    """What was said when the buckets were made."""
    second: str


@pytest.fixture
def instance(postgres: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[Instance]:
    settings = {"POSTGRES_PASSWORD": "unused", "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}
    numbers = ("3000", "4000", "5432", "3080", "3090")  # in the files, and put in place as text
    free = (port for port in iter(free_port, None) if not any(number in str(port) for number in numbers))
    web, code, artifacts, viewer, *sockets = islice(free, 6)
    guards = dict(zip(("docker-launch", "docker-stop"), sockets, strict=True))
    settings |= {"VIEWER_KEY": VIEWER_KEY, "UI_URL": f"http://127.0.0.1:{artifacts}"}
    places = {
        **{f"tcp://{name}:2375": f"tcp://127.0.0.1:{port}" for name, port in guards.items()},
        "http://objects:8333": s3.endpoint,
        "hostname: postgres": f"hostname: {postgres.host}",
        "port: 5432": f"port: {postgres.port}",
        "host: code": "host: 127.0.0.1",
        "0.0.0.0": "127.0.0.1",
        "4000": str(code),
        "3000": str(web),
        "3080": str(artifacts),
        "3090": str(viewer),
    }
    composed = Composed(tmp_path, settings, places)
    write_recorded(tmp_path / "volumes" / "data" / "recorded")
    experiment = {
        "name": "votes",
        "tasks": [{"benchmark": "math", "source": "recorded"}],
        "team": {"agents": [{"name": name, "model": f"recorded:{name}"} for name in ("good", "fair")]},
        "proposals": {"samples_per_agent": 1, "benchmark_samples": 1},
        "benchmark": {"methods": ["single", "any_correct"]},
        "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR/recorded"},
    }
    long = {
        "name": "long",
        "tasks": [{"benchmark": "procedural", "subjects": ["sum"], "train": 50, "dev": 5, "test": 20}],
        "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
        "base_models": {"steps": 1_000_000, "blind_spots": {"alpha": {"sum": {"3": "8"}}}},
    }
    (tmp_path / "volumes" / "experiments").mkdir()
    for written in (experiment, long):
        (tmp_path / "volumes" / "experiments" / f"{written['name']}.yaml").write_text(json.dumps(written))
    first, second = composed.run("buckets"), composed.run("buckets")
    with (
        closing(composed.engine(guards)) as engine,
        composed.running("code", "webserver", "daemon", "artifacts", "viewer") as services,
    ):
        server = Server(web, tmp_path, services["webserver"])

        def healthy() -> bool:
            try:
                return bool(server.ask(GRAPH)["assetNodes"])
            except OSError:
                return False

        wait_for(healthy, 300, "the webserver is up")
        yield Instance(composed, services, engine, server, artifacts, viewer, first, second)


def test_an_experiment_through_the_uis_api(instance: Instance, s3: S3Server, chromium: str) -> None:
    server = instance.server
    assert instance.first.split("\n") == ["made bucket mlpo", "made bucket mlpo-logs", ""]
    assert instance.second == "", "a second start finds them"
    wait_for(lambda: "votes" in partitions(server), 240, "the daemon has seen the mounted experiment")
    run_id = server.launch(CHAIN, "votes")
    kill_the_code_location(instance, run_id)
    assert wait_for(lambda: server.finished(run_id), 300, "the run has ended") == "SUCCESS"
    wait_for(lambda: server.ask(GRAPH)["assetNodes"], 240, "the code location is back")
    stored = s3.client().list_objects_v2(Bucket="mlpo")["Contents"]
    assert any(entry["Key"].startswith("tasks/") and entry["Key"].endswith("/manifest.json") for entry in stored)
    events = server.ask(CAPTURED, id=run_id)["logsForRun"]["events"]
    key = next(event["fileKey"] for event in events if "fileKey" in event)
    said = wait_for(
        lambda: server.ask(LOGS, key=[run_id, "compute_logs", key])["capturedLogs"]["stderr"], 60, "the log is there"
    )
    assert "tasks: making version" in said, "the webserver reads what was written beside the code location"
    open_what_is_linked(instance, chromium)
    end_a_run(instance)
    assert not instance.engine.refused, "what guards the socket lets through what is needed"


def kill_the_code_location(instance: Instance, run_id: str) -> None:
    """Kill it in the middle of a run, which goes on in its container, and start it again."""
    wait_for(lambda: instance.server.run(run_id)["assetMaterializations"], 240, "the run has made something")
    assert instance.server.finished(run_id) is None
    code = instance.services["code"]
    os.killpg(code.pid, signal.SIGKILL)
    code.wait()
    [container] = instance.engine.made
    assert container.status == "running" and container.labels["dagster/run_id"] == run_id
    instance.services["code"] = instance.composed.start("code")


def end_a_run(instance: Instance) -> None:
    """A training of days is ended through the UI: nothing of it is left, and it ends by itself."""
    run_id = instance.server.launch(("tasks", "base_models"), "long")

    def training() -> bool:
        made = instance.server.run(run_id)["assetMaterializations"]
        return bool(made) and any("mlpo_core" in p.cmdline() for p in instance.engine.made[-1].processes())

    wait_for(training, 300, "the training has begun")
    assert instance.server.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    container = instance.engine.made[-1]
    assert not container.processes() and not container.left
    assert wait_for(lambda: instance.server.finished(run_id), 60, "the run has ended") == "CANCELED"
    assert not instance.engine.listed, "containers of runs that are over are removed"


def open_what_is_linked(instance: Instance, chromium: str) -> None:
    """The report and the conversations, where the UI says that they are; the proxy's part is done here."""
    entries = instance.server.ask(LINKS)["assetNodeOrError"]["assetMaterializations"][0]["metadataEntries"]
    links = {entry["label"]: entry["url"] for entry in entries if "url" in entry}
    report = next(url for url in links.values() if url.endswith("/report.html"))
    assert report.startswith(f"http://127.0.0.1:{instance.artifacts}/artifacts/benchmark_report/")
    conversations = links["conversations"].replace(str(instance.artifacts), str(instance.viewer))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(report)
        assert page.locator("table.headline").is_visible()
        assert page.request.get(conversations).status == 401, "only the proxy's key opens them"
        page.set_extra_http_headers({"Authorization": f"Bearer {VIEWER_KEY}"})
        page.goto(conversations)
        page.get_by_role("link", name="What is").first.click()
        assert page.get_by_text("good").count()
        browser.close()


def partitions(server: Server) -> list[str]:
    return server.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]

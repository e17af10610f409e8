"""A team's instance as its files describe it: an experiment is run, and its log read, through the UI's API."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import sync_playwright

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


CHAIN = (
    *("tasks", "base_models", "agent_proposals", "hard_tasks"),
    *("benchmark_proposals", "benchmark_predictions", "benchmark_report"),
)
LINKS = """{ assetNodeOrError(assetKey: {path: ["benchmark_report"]}) { ... on AssetNode {
  assetMaterializations(limit: 1) { metadataEntries { label ... on UrlMetadataEntry { url } } }
} } }"""
VIEWER_KEY = "what-the-viewer-knows-the-proxy-by"


class Instance(NamedTuple):
    server: Server
    artifacts: int
    viewer: int
    first: str
    """What was said when the buckets were made."""
    second: str


@pytest.fixture
def instance(postgres: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[Instance]:
    settings = {"POSTGRES_PASSWORD": "unused", "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}
    written = ("3000", "4000", "5432", "3080", "3090")  # in the files, and put in place as text
    free = (port for port in iter(free_port, None) if not any(number in str(port) for number in written))
    web, code, artifacts, viewer = islice(free, 4)
    settings |= {"VIEWER_KEY": VIEWER_KEY, "UI_URL": f"http://127.0.0.1:{artifacts}"}
    places = {
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
    (tmp_path / "volumes" / "experiments").mkdir()
    (tmp_path / "volumes" / "experiments" / "votes.yaml").write_text(json.dumps(experiment))
    first, second = composed.run("buckets"), composed.run("buckets")
    with composed.running("code", "webserver", "daemon", "artifacts", "viewer") as services:
        server = Server(web, tmp_path, services["webserver"])

        def healthy() -> bool:
            try:
                return bool(server.ask(GRAPH)["assetNodes"])
            except OSError:
                return False

        wait_for(healthy, 300, "the webserver is up")
        yield Instance(server, artifacts, viewer, first, second)


def test_an_experiment_through_the_uis_api(instance: Instance, s3: S3Server, chromium: str) -> None:
    server = instance.server
    assert instance.first.split("\n") == ["made bucket mlpo", "made bucket mlpo-logs", ""]
    assert instance.second == "", "a second start finds them"
    wait_for(lambda: "votes" in partitions(server), 240, "the daemon has seen the mounted experiment")
    run_id = server.launch(CHAIN, "votes")
    assert wait_for(lambda: server.finished(run_id), 300, "the run has ended") == "SUCCESS"
    stored = s3.client().list_objects_v2(Bucket="mlpo")["Contents"]
    assert any(entry["Key"].startswith("tasks/") and entry["Key"].endswith("/manifest.json") for entry in stored)
    events = server.ask(CAPTURED, id=run_id)["logsForRun"]["events"]
    key = next(event["fileKey"] for event in events if "fileKey" in event)
    said = wait_for(
        lambda: server.ask(LOGS, key=[run_id, "compute_logs", key])["capturedLogs"]["stderr"], 60, "the log is there"
    )
    assert "tasks: making version" in said, "the webserver reads what was written beside the code location"
    open_what_is_linked(instance, chromium)


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

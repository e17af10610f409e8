"""Reports over http: a page is served, nothing but pages is, and a page can do nothing."""

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import sync_playwright
from starlette.testclient import TestClient

from mlpo_core.listening import addresses
from mlpo_core.store import Dataset, Store
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library
from pipelines.artifacts import VARIABLE, Handler
from pipelines.metadata import describe
from tests.core.viewer import shelf
from tests.pipelines.reports import put_report
from tests.support import REPOSITORY, free_port, wait_for


class Served(NamedTuple):
    report: Dataset
    root: Path
    port: int

    def ask(self, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers; the path goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", f"{host}:{self.port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}

    @property
    def version(self) -> str:
        return f"/benchmark_report/{self.report.ref.key}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served") / "root"
    report = put_report(root, "one")
    (root.parent / "secret.html").write_text("secret")
    (root / "secret.html").write_text("secret")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_ROOT", str(root))
        patch.setenv(VARIABLE, f"http://127.0.0.1:{server.server_port}/")
        yield Served(report, root, server.server_port)
    server.shutdown()
    server.server_close()


def test_the_metadata_links_to_the_page_that_is_served(served: Served) -> None:
    link = describe(served.report, reused=False)["report.html"].url
    assert link == f"http://127.0.0.1:{served.port}{served.version}/report.html"
    status, content, headers = served.ask(f"{served.version}/report.html")
    assert (status, content) == (200, served.report.read_file("report.html"))
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert served.ask(f"{served.version}/plots/accuracy.png")[2]["content-type"] == "image/png"
    assert served.ask(f"{served.version}/report.html", method="HEAD")[:2] == (200, b"")


def test_without_a_server_the_metadata_has_a_path(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    assert Path(describe(served.report, reused=False)["report.html"].value).read_bytes()


def test_the_metadata_links_to_the_conversations_where_they_are_served(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "conversations" not in describe(served.report, reused=False, partition="one")
    monkeypatch.setenv(addresses.VARIABLE, "https://lab.example/view/")
    link = describe(served.report, reused=False, partition="one--seed=1")["conversations"].url
    assert link == "https://lab.example/view/one--seed%3D1/tasks"


def test_the_metadata_of_a_leader_links_to_its_training_where_that_is_kept_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shelf.make(tmp_path, tasks=4)
    ref = store.pointed(shelf.NAME, "grpo_leader")
    assert ref
    assert "training" not in describe(Dataset(ref), reused=False, partition=shelf.NAME)
    monkeypatch.setenv(addresses.VARIABLE, "https://lab.example/view/")
    link = describe(Dataset(ref), reused=False, partition=shelf.NAME)["training"].url
    assert link == f"https://lab.example/view/{shelf.NAME}/training?leader=grpo_leader"


def test_the_viewer_serves_the_same_report_and_the_report_leads_to_the_viewer(served: Served) -> None:
    client = TestClient(Viewer(Library(Store(str(served.root))), Guard("127.0.0.1")).app, base_url="http://127.0.0.1")
    answer = client.get("/one/report")
    assert answer.content == served.report.read_file("report.html")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert f'href="{addresses.usual(addresses.tasks("one"))}"' in answer.text


def test_whatever_a_page_holds_it_may_neither_run_nor_load(served: Served) -> None:
    for path in (f"{served.version}/report.html", "/nothing"):
        headers = served.ask(path)[2]
        policy = headers["content-security-policy"]
        assert "sandbox;" in policy and "default-src 'none'" in policy and "script" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/benchmark_report",
        "{version}",
        "{version}/",
        "{version}/manifest.json",
        "{version}/metrics.parquet",
        "{version}/part-000000.parquet",
        "{version}/nothing.html",
        "{version}/../../secret.html",
        "{version}/%2e%2e/%2e%2e/secret.html",
        "{version}/..%2f..%2fsecret.html",
        "/../secret.html",
        "/secret.html",
        "//secret.html",
        "/%2e%2e/secret.html",
        "/benchmark_report/../secret.html",
        "/benchmark_report/%2e%2e/secret.html",
        "/benchmark_report/..%00/secret.html",
        "/experiments/one/benchmark_report.json",
        "/etc/passwd",
        "/file:///etc/hosts.html",
        "/\\..\\secret.html",
    ],
)
def test_nothing_else_has_a_path(served: Served, path: str) -> None:
    status, content, _ = served.ask(path.format(version=served.version))
    assert (status, content) == (404, b"there is no such page\n")


def test_a_page_elsewhere_cannot_read_under_a_name_of_its_own(served: Served) -> None:
    assert served.ask(f"{served.version}/report.html", host="evil.example")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_can_only_be_read(served: Served, method: str) -> None:
    assert served.ask(f"{served.version}/report.html", method=method)[0] == 501


def test_a_damaged_page_is_not_served_and_left_where_it_is(served: Served, tmp_path: Path) -> None:
    other = put_report(served.root, "two", seed=2)
    page = served.root / "benchmark_report" / other.ref.key / "report.html"
    page.write_bytes(page.read_bytes().replace(b"<title>", b"<TITLE>"))
    assert served.ask(f"/benchmark_report/{other.ref.key}/report.html")[0] == 404
    assert page.exists()


def test_it_serves_beside_a_command_and_ends_with_it() -> None:
    port = free_port()
    text = f"""
import sys
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:{port}/")
except Exception as error:
    sys.exit(error.code % 256)
"""
    beside = [sys.executable, "-m", "pipelines.artifacts", "--port", str(port), sys.executable, "-c", text]
    assert subprocess.run(beside, cwd=REPOSITORY).returncode == 404 % 256


@pytest.mark.slow
def test_the_viewer_is_served_beside_a_command(served: Served) -> None:
    port = free_port()
    text = f"""
import time
import urllib.request
for _ in range(600):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:{port}/").status)
        break
    except OSError:
        time.sleep(0.1)
"""
    beside = [sys.executable, "-m", "pipelines.artifacts", "--port", str(free_port()), "--viewer", str(port)]
    done = subprocess.run([*beside, sys.executable, "-c", text], cwd=REPOSITORY, capture_output=True, text=True)
    assert "200" in done.stdout.splitlines(), done.stderr
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that was closed may linger
        listener.bind(("127.0.0.1", port))  # nobody has it any more


@pytest.mark.slow
def test_a_report_opens_in_a_browser(served: Served, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://127.0.0.1:{served.port}{served.version}/report.html")
        wait_for(lambda: page.locator("table.headline").count() == 1, 60, "the headline is there")
        assert page.locator("h1").is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('table.headline')).borderCollapse") == "collapse"
        page.route(f"{addresses.usual('/')}**", lambda route: route.fulfill(body="conversations"))
        page.get_by_role("link", name=addresses.usual("")).click()
        page.wait_for_url(addresses.usual(addresses.tasks("one")))
        assert said == []
        browser.close()

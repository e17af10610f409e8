"""Credentials of the environment stand in nothing that is written: specs, versions, run logs, metadata, errors."""

import json
import sys
import threading
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from mlpo_core.store.files import Folder
from pipelines import launch
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.results import failure
from tests.s3_server import SECRET_KEY, S3Server

PLANTED = {
    name: f"planted-{name.lower()}-7c41"
    for name in (
        "OPENAI_API_KEY",
        "HF_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "DAGSTER_POSTGRES_PASSWORD",
    )
}
PHASE = """
import pathlib, runpy, shutil, sys
specs = pathlib.Path({specs!r})
shutil.copy(sys.argv[-1], specs / f"{{len(list(specs.iterdir()))}}.json")
runpy.run_module("mlpo_core", run_name="__main__", alter_sys=True)
"""


class Endpoint(NamedTuple):
    url: str
    authorised: list[str]


@pytest.fixture
def telltale() -> Iterator[Endpoint]:
    """An endpoint that refuses, and says in every answer what key it was given."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers.get("Authorization", "")
            seen.append(key)
            body = json.dumps({"error": f"no such key: {key}"}).encode()
            self.send_response(200 if len(seen) % 2 else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", seen)
        server.shutdown()


@pytest.fixture
def phases(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the specs of phases are kept, with credentials in everybody's environment."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    specs = workshop.folder / "specs"
    specs.mkdir()
    script = workshop.folder / "phase.py"
    script.write_text(PHASE.format(specs=str(specs)))
    monkeypatch.setattr(launch, "COMMAND", (sys.executable, str(script)))
    return specs


def test_nothing_that_is_written_holds_a_credential(
    workshop: Workshop, phases: Path, telltale: Endpoint, capfd
) -> None:
    agents = [{"name": "asked", "model": "org/model-1B"}]
    workshop.write(
        engine={"kind": "openai", "base_url": telltale.url, "recorded": "$MLPO_DATA_DIR"}, team={"agents": agents}
    )
    for attempt in range(2):
        result = workshop.materialize("tasks", "base_models", "agent_proposals")
        assert "Bearer" not in failure(result) or "***" in failure(result), attempt
    assert f"Bearer {PLANTED['OPENAI_API_KEY']}" in telltale.authorised, "the key was there to be told"
    assert len(list(phases.iterdir())) == 4
    assert any(path.name == "manifest.json" for path in workshop.folder.rglob("*"))
    assert told(workshop, PLANTED.values(), "".join(capfd.readouterr())) == []


def told(workshop: Workshop, secrets: Collection[str], output: str) -> list[object]:
    """Where one of the secrets stands: files of the run (specs, compute logs, the event log's database), or output."""
    written = [path for path in workshop.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in written)
    files: list[object] = [path for path in written if any(value.encode() in path.read_bytes() for value in secrets)]
    return files + [value for value in secrets if value in output]


@pytest.mark.slow
def test_nor_does_anything_where_the_root_is_s3(
    s3_root: str, workshop: Workshop, phases: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server, capfd
) -> None:
    """With the real credentials of the store, and then with wrong ones, which it refuses."""
    monkeypatch.setenv("MLPO_ROOT", s3_root)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    result = workshop.materialize(*RECORDED)
    assert result.success, failure(result)
    workshop.write(proposals={"samples_per_agent": 1, "benchmark_samples": 3})
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PLANTED["AWS_SECRET_ACCESS_KEY"])
    assert "refuses these credentials" in failure(workshop.materialize("agent_proposals"))

    secrets = [SECRET_KEY, *PLANTED.values()]
    assert len(list(phases.iterdir())) == len(RECORDED) + 1
    assert told(workshop, secrets, "".join(capfd.readouterr())) == []
    root = Folder(s3_root)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    objects = {name: root.read(name) or b"" for name in root.names()}
    assert any(name.endswith("manifest.json") for name in objects)
    assert [n for n, data in objects.items() if any(value.encode() in data for value in secrets)] == []

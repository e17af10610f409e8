"""Credentials of the environment stand in nothing that is written: specs, versions, run logs, metadata, errors."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from pipelines import launch
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure

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
    written = [path for path in workshop.folder.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in written) and any(path.suffix == ".db" for path in written)
    told = [path for path in written if any(value.encode() in path.read_bytes() for value in PLANTED.values())]
    assert told == []
    output = "".join(capfd.readouterr())
    assert not any(value in output for value in PLANTED.values())

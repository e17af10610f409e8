"""A leader in a repository of a hub: fetched from a server that speaks as much of its protocol as that takes."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.store import Dataset
from tests.core.serving import house
from tests.core.serving.test_leader import benchmark
from tests.hub_server import upload_hub
from tests.support import REPOSITORY

NAME, COMMIT = "owner/house", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(made_house: house.House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with one model repository, the published folder and a file that nobody should fetch; its address."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
    for asset in ("benchmark_report", "published_leader"):
        made = run(resolve(asset, find(house.NAME), made_house.store)).ref
    assert made
    files = {path.name: path.read_bytes() for path in Dataset(made).local_folder("leader").iterdir()}
    files["evil.py"] = b"raise SystemExit('it ran')\n"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(f"/api/models/{NAME}/tree/{COMMIT}"):
                tree = [{"type": "file", "path": n, "size": len(d), "oid": COMMIT} for n, d in files.items()]
                self.answer(json.dumps(tree).encode(), "application/json")
            elif self.path.startswith(f"/api/models/{NAME}/revision/"):
                siblings = [{"rfilename": name} for name in files]
                self.answer(json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings}).encode(), "application/json")
            elif (name := Path(self.path).name) in files and self.path == f"/{NAME}/resolve/{COMMIT}/{name}":
                assert name != "evil.py"
                self.answer(files[name], "application/octet-stream")
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            headers = {"Content-Type": kind, "Content-Length": str(len(data)), "X-Repo-Commit": COMMIT}
            for header, value in {**headers, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}.items():
                self.send_header(header, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server:
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_a_leader_is_fetched_from_a_hub_and_answers_as_in_the_benchmark(
    hub: str, made_house: house.House, tmp_path: Path
) -> None:
    question, text = next(benchmark(made_house, "mlpo_leader/team", 3))
    asked = ["ask", question, "--leader", f"hub:{NAME}", "--root", str(made_house.root)]
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_core", *asked], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.removesuffix("\n") == text
    assert not list(tmp_path.rglob("evil.py")) and list(tmp_path.rglob("leader.json"))


@pytest.mark.slow
@pytest.mark.usefixtures("hub")
def test_a_leader_is_pushed_as_it_was_published(made_house: house.House, tmp_path: Path) -> None:
    (tmp_path / f"{house.NAME}.yaml").write_text(yaml.safe_dump({**house.EXPERIMENT, "push_to_hub": {"leader": NAME}}))
    token = "hf_thetokenofthistest"
    with upload_hub(token) as there:
        environment = {**os.environ, "MLPO_EXPERIMENTS": str(tmp_path), "HF_ENDPOINT": there.url, "HF_TOKEN": token}
        environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0"}
        command = [sys.executable, "-m", "mlpo_core", "push", house.NAME, "--yes", "--root", str(made_house.root)]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert token not in done.stdout + done.stderr and "made last" not in done.stderr, "the section is in no key"
        ref = made_house.store.pointed(house.NAME, "published_leader")
        assert ref
        folder = Dataset(ref).local_folder("leader")
        published = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        arrived = there.repositories["model", NAME].files
    assert published and {n: d for n, d in arrived.items() if n != ".gitattributes"} == published

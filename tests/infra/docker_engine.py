"""As much of Docker Engine's API as runs need, on loopback: a container is a process with the environment it asks for.

What a container may not have here is refused, so that a wrong `dagster.yaml` fails: an image, a network or mounts that
the compose file does not have, a bind mount, and every request that the guard of the socket does not let through.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import psutil

from tests.support import wait_for

_MARK = "DOCKER_ENGINE_CONTAINER"
_ROUTE = re.compile(r"/v[0-9.]+/containers/(?:(?P<create>create)|(?P<id>[0-9a-f]+)/(?P<verb>json|start|stop))")
OPEN = ("-allowGET=.*", "-allowPOST=.*")


class Parts(NamedTuple):
    """What containers are made of, by name."""

    images: Mapping[str, Mapping[str, str]]
    """The variables that each image sets."""
    networks: frozenset[str]
    containers: frozenset[str]
    """Those whose mounts others may take."""


class Refused(Exception):
    """An answer that is an error: a status, and a message as the engine words it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Container:
    """A container, from when it is created."""

    id: str
    command: Sequence[str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    auto_remove: bool
    process: subprocess.Popen[bytes] | None = None
    left: int = 0
    """Processes that its first one left behind, which end with a container."""

    @property
    def status(self) -> str:
        if self.process is None:
            return "created"
        return "running" if self.process.poll() is None else "exited"

    def processes(self) -> list[psutil.Process]:
        """Everything that runs in it."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(_MARK) == self.id and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


class Engine:
    """An engine and its containers, which end with it.

    Args:
        folder: Where containers are started, and where what they write is kept.
        parts: What they may be made of.
    """

    def __init__(self, folder: Path, parts: Parts) -> None:
        self._folder, self._parts = folder, parts
        self._servers: list[ThreadingHTTPServer] = []
        self.made: list[Container] = []
        """All there ever were, in order."""
        self.listed: dict[str, Container] = {}
        """Those that are not removed."""
        self.refused: list[str] = []
        """Requests that a guard did not let through."""

    def listen(self, port: int, guard: Sequence[str] = OPEN) -> None:
        """Answer on a port, behind what guards the socket there: the options of a `wollomatic/socket-proxy`."""
        options = [option.removeprefix("-allow").partition("=") for option in guard if option.startswith("-allow")]
        allowed = {method: re.compile(pattern) for method, _, pattern in options if method.isupper()}
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_DELETE(self) -> None:
                self._answer()

            def log_message(self, format: str, *args: object) -> None:
                pass

            def _answer(self) -> None:
                url = urlsplit(self.path)
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                try:
                    pattern = allowed.get(self.command)
                    if pattern is None or not pattern.fullmatch(url.path):
                        engine.refused.append(f"{self.command} {url.path}")
                        raise Refused(403, "Forbidden")
                    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
                    status, value = engine.answer(self.command, url.path, query, body)
                except Refused as refused:
                    status, value = refused.status, {"message": str(refused)}
                data = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering, and end every container."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for container in self.made:
            if container.process:
                _kill(container.processes())
                container.process.wait()

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """The status and the JSON value of an answer."""
        if (method, path) == ("GET", "/version"):
            return 200, {"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24"}
        match = _ROUTE.fullmatch(path)
        if match is None:
            raise Refused(404, f"page not found: {method} {path}")
        if match["create"]:
            return 201, {"Id": self._create(body).id, "Warnings": []}
        container = self.listed.get(match["id"])
        if container is None:
            raise Refused(404, f"No such container: {match['id']}")
        match match["verb"]:
            case "start":
                self._start(container)
                return 204, None
            case "stop":
                self._stop(container, float(query.get("t", 10)))
                return 204, None
            case _:
                state = {"Status": container.status, "Running": container.status == "running"}
                config = {"Labels": dict(container.labels), "Cmd": list(container.command), "Tty": False}
                return 200, {"Id": container.id, "Name": f"/{container.id[:12]}", "State": state, "Config": config}

    def _create(self, body: Mapping[str, Any]) -> Container:
        host = body["HostConfig"]
        if body["Image"] not in self._parts.images:
            raise Refused(404, f"No such image: {body['Image']}")
        if host["NetworkMode"] not in self._parts.networks:
            raise Refused(404, f"network {host['NetworkMode']} not found")
        if unknown := set(host["VolumesFrom"]) - self._parts.containers:
            raise Refused(404, f"No such container: {unknown}")
        if host.get("Binds") or host.get("Mounts") or host.get("Privileged"):
            raise Refused(403, "bind mount source directory not allowed")
        given = dict(variable.split("=", 1) for variable in body["Env"])
        container = Container(
            secrets.token_hex(32),
            body["Cmd"],
            {**self._parts.images[body["Image"]], **given},
            body["Labels"],
            bool(host.get("AutoRemove")),
        )
        self.made.append(container)
        self.listed[container.id] = container
        return container

    def _start(self, container: Container) -> None:
        with (self._folder / f"{container.id[:12]}.log").open("wb") as log:
            container.process = subprocess.Popen(
                container.command,
                env={"PATH": os.environ["PATH"], **container.environment, _MARK: container.id},
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._until_it_ends, args=(container,), daemon=True).start()

    def _until_it_ends(self, container: Container) -> None:
        assert container.process
        container.process.wait()
        left = container.processes()
        container.left = len(left)
        _kill(left)
        if container.auto_remove:
            self.listed.pop(container.id, None)

    def _stop(self, container: Container, seconds: float) -> None:
        if container.process is None:
            return
        container.process.send_signal(signal.SIGTERM)
        try:
            container.process.wait(seconds)
        except subprocess.TimeoutExpired:
            container.process.kill()
        wait_for(lambda: not container.processes(), 10, "the container has ended")


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()

"""The services of compose.yaml as processes: the file's own commands, environment and configuration.

What a container would give is put in its place: hosts and ports are this machine's, a mount is a folder of the test's,
every service has a home of its own. PostgreSQL and the object store are the real programs, started by their fixtures;
runs are started through an engine that takes Docker's place (docker_engine.py), behind what guards its socket.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.infra.docker_engine import Engine, Parts
from tests.support import REPOSITORY

FOLDER = REPOSITORY / "infra" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


class Composed:
    """Services on one host.

    Args:
        folder: Where homes, volumes and mounts are.
        settings: What `.env` says.
        places: What stands for what in a container, as text: hosts, ports, paths.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], places: Mapping[str, str]) -> None:
        self._folder, self._settings, self._places = folder, settings, places

    def _filled(self, text: str) -> str:
        """A value of the file with the variables of `.env`."""

        def value(match: re.Match[str]) -> str:
            name, kind, default = match.groups()
            if name not in self._settings and kind != "-":
                raise KeyError(f"{name}: {default}")
            return self._settings.get(name) or default or ""

        return _VARIABLE.sub(value, text)

    def _placed(self, text: str, mounts: Mapping[str, str]) -> str:
        for there, here in {**mounts, **self._places}.items():
            text = text.replace(there, here)
        return text

    def _mounts(self, service: Mapping[str, Any]) -> dict[str, str]:
        """Paths in the container, and the folders that stand for them: one per source, as volumes are shared."""
        mounts: dict[str, str] = {}
        for volume in service.get("volumes", ()):
            source, target = self._filled(volume).split(":")[:2]
            folder = self._folder / "volumes" / Path(source).name
            folder.mkdir(parents=True, exist_ok=True)
            mounts[target] = str(folder)
        return mounts

    def environment(self, name: str) -> tuple[list[str], dict[str, str]]:
        """The command and the environment of a service; its home is written."""
        service = COMPOSE["services"][name]
        home = self._folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        mounts = {**self._mounts(service), "/opt/dagster": str(home)}
        for file in ("dagster.yaml", "workspace.yaml"):
            (home / file).write_text(self._placed((FOLDER / file).read_text(), {}))
        given = {key: self._placed(self._filled(str(v)), mounts) for key, v in service["environment"].items()}
        program, *arguments = (self._placed(word, mounts) for word in service["command"])
        command = [sys.executable if program == "python" else str(Path(sys.executable).parent / program), *arguments]
        return command, {"PATH": os.environ["PATH"], **_image(home), **given}

    def engine(self, ports: Mapping[str, int]) -> Engine:
        """What takes Docker's place: PORTS say where each service that guards its socket is."""
        home = self._folder / "homes" / "daemon"  # a run's `dagster.yaml` is the daemon's
        images = {service["image"]: _image(home) for service in COMPOSE["services"].values() if "build" in service}
        networks = frozenset(network["name"] for network in COMPOSE["networks"].values() if "name" in network)
        names = (service.get("container_name") for service in COMPOSE["services"].values())
        engine = Engine(self._folder, Parts(images, networks, frozenset(filter(None, names))))
        for name, port in ports.items():
            engine.listen(port, COMPOSE["services"][name]["command"])
        return engine

    def run(self, name: str) -> str:
        """What a service that ends by itself says."""
        command, environment = self.environment(name)
        done = subprocess.run(command, env=environment, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service that goes on."""
        command, environment = self.environment(name)
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env=environment, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )

    @contextmanager
    def running(self, *names: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
        """Services that go on; one that is started again takes its place in what this gives."""
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in names:
                started[name] = self.start(name)
            yield started
        finally:
            for process in reversed(started.values()):
                process.terminate()
            for process in started.values():
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, 9)
                    process.wait()


def _image(home: Path) -> dict[str, str]:
    """What the image sets."""
    return {"DAGSTER_HOME": str(home), "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}

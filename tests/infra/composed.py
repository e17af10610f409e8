"""The services of compose.yaml as processes: the file's own commands, environment and configuration.

What a container would give is put in its place: hosts and ports are this machine's, a mount is a folder of the test's,
every service has a home of its own. PostgreSQL and the object store are the real programs, started by their fixtures.
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
        image = {"DAGSTER_HOME": str(home), "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        return command, {"PATH": os.environ["PATH"], **image, **given}

    def run(self, name: str) -> str:
        """What a service that ends by itself says."""
        command, environment = self.environment(name)
        done = subprocess.run(command, env=environment, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, *names: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
        """Services that go on."""
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in names:
                command, environment = self.environment(name)
                with (self._folder / f"{name}.log").open("wb") as log:
                    started[name] = subprocess.Popen(
                        command, env=environment, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
                    )
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

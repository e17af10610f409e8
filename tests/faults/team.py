"""A team's instance as separate processes: PostgreSQL, code location, daemon, webserver; each can be started again."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import dagster as dg
import psutil
import yaml

from tests.faults.scene import Scene, slots_held
from tests.faults.verify import processes_of
from tests.pipelines.test_webserver import GRAPH, Server
from tests.postgres_server import PostgresServer
from tests.support import REPOSITORY, free_port, postgres_binaries, wait_for


class Team:
    """Starts everything on entering, ends everything on leaving."""

    ENDED = ("SUCCESS", "FAILURE", "CANCELED")

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._home = scene.folder / "team"
        self._home.mkdir(parents=True, exist_ok=True)
        programs = postgres_binaries()
        assert programs is not None, "PostgreSQL is missing: `make services` installs it"
        self._postgres = PostgresServer(programs)
        self._ports = {name: free_port() for name in ("code", "webserver")}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._instance: dg.DagsterInstance | None = None

    def __enter__(self) -> "Team":
        self._configure()
        self._postgres.create()
        for name in ("code", "daemon", "webserver"):
            self.start(name)
        self._server = Server(self._ports["webserver"], self._home, self._running["webserver"])
        wait_for(self._healthy, 600, "the team's instance is up")
        wait_for(self._partitions, 600, "the sensor has registered the experiments")
        return self

    def __exit__(self, *_: object) -> None:
        left = [*self.workers(), *self.phases()]
        for process in self._running.values():
            process.kill()
            process.wait()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._postgres.delete()

    def start(self, name: str) -> None:
        """Start a component that is not running."""
        python, ports = sys.executable, self._ports
        if name == "postgres":
            self._postgres.start()
            return
        commands = {
            "code": ["api", "grpc", "--host", "127.0.0.1", "--port", str(ports["code"]), "-m", "pipelines.definitions"],
            "daemon": [],
            "webserver": ["-h", "127.0.0.1", "-p", str(ports["webserver"]), "-w", f"{self._home}/workspace.yaml"],
        }
        programs = {
            "code": [python, "-m", "dagster"],
            "daemon": [python, "-m", "dagster._daemon", "run", "-w", f"{self._home}/workspace.yaml"],
            "webserver": [python, "-m", "dagster_webserver"],
        }
        with (self._home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*programs[name], *commands[name]],
                cwd=REPOSITORY,
                env={
                    **self._scene.environment,
                    "DAGSTER_HOME": str(self._home),
                    "DAGSTER_POSTGRES_PASSWORD": "trusted",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def processes(self, name: str) -> list[psutil.Process]:
        """The processes of a component."""
        process = psutil.Process(self._postgres.pid if name == "postgres" else self._running[name].pid)
        return [process, *process.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Run workers: the code location starts one per run."""
        return _with("spawn_main", psutil.Process(self._running["code"].pid).children(recursive=False))

    def phases(self) -> list[psutil.Process]:
        """Whatever phases have started and left, wherever it hangs in the process tree now."""
        return _with("mlpo_core", processes_of(self._scene.store.root))

    def launch(self, asset: str, partition: str) -> str:
        """Materialize an asset as the UI does; returns the run id. A component may be on its way up."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return self._server.launch(asset, partition)
            except (OSError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def status(self, run_id: str) -> str:
        """A run's status; `UNKNOWN` while the database is away."""
        return self._read(lambda instance: _status(instance, run_id), "UNKNOWN")

    def slots(self) -> int:
        """Pool slots taken or waited for; 1 while the database is away."""
        return self._read(slots_held, 1)

    def messages(self, run_id: str) -> str:
        """What a run said."""
        return self._read(lambda instance: "\n".join(e.user_message for e in instance.all_logs(run_id)), "")

    def _read(self, question: Any, otherwise: Any) -> Any:
        try:
            if self._instance is None:
                self._instance = dg.DagsterInstance.from_config(str(self._home))
            return question(self._instance)
        except Exception:  # whatever the driver raises when its server is killed
            self._instance = None
            return otherwise

    def _healthy(self) -> bool:
        try:
            return bool(self._server.ask(GRAPH)["assetNodes"])
        except OSError:
            return False

    def _partitions(self) -> bool:
        return self._read(lambda instance: instance.has_dynamic_partition("experiment", "faults"), False)

    def _configure(self) -> None:
        settings = yaml.safe_load((REPOSITORY / "infra" / "compose" / "dagster.yaml").read_text())
        del settings["compute_logs"]  # what steps write stays here
        del settings["run_launcher"]  # a container per run: here the code location starts a process
        settings["storage"]["postgres"]["postgres_db"].update(hostname=self._postgres.host, port=self._postgres.port)
        settings["local_artifact_storage"] = {
            "module": "dagster.core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(self._home)},
        }
        (self._home / "dagster.yaml").write_text(yaml.safe_dump(settings))
        location = {"host": "127.0.0.1", "port": self._ports["code"], "location_name": "mlpo"}
        (self._home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}))
        os.environ["DAGSTER_POSTGRES_PASSWORD"] = "trusted"


def _status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    return run.status.value if run else "UNKNOWN"


def _with(word: str, processes: list[psutil.Process]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.status() != psutil.STATUS_ZOMBIE and any(word in part for part in process.cmdline()):
                found.append(process)
    return found

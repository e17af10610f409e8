"""Kill -9 of the S3 server under a phase; it is started again soon, as a supervisor would."""

import os
import random
import time
from pathlib import Path

import dagster as dg

from tests.faults.kill_phase import disturb
from tests.faults.ledger import Kill
from tests.faults.scene import Scene
from tests.s3_server import S3Server


class Storage:
    """An S3 server of its own, reachable by everything that this process starts; started when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: S3Server | None = None

    @property
    def server(self) -> S3Server:
        """The server, running."""
        if self._server is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._server = S3Server(self._folder)
            os.environ.update(self._server.environment)
            os.environ["XDG_CACHE_HOME"] = str(self._folder / "cache")
            self._server.start()
        return self._server

    def close(self) -> None:
        """End the server."""
        if self._server:
            self._server.kill()


def kill_storage(scene: Scene, storage: Storage, instance: dg.DagsterInstance, stage: str, seed: int) -> Kill:
    """One kill of the server while a phase makes `stage` on it."""
    server = storage.server
    remote = Scene(scene.folder, server.new_root())
    remote.golden = scene.golden
    away = random.Random(-seed).uniform(0, 5)

    def strike(_: object) -> None:
        server.kill()
        time.sleep(away)
        server.start()

    return disturb(remote, instance, stage, seed, "s3", strike)

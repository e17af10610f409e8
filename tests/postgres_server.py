"""A real PostgreSQL server for tests, on loopback, that can be killed and started again."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support import free_port


class PostgresServer:
    """One server with a folder and a port of its own, and an empty database; what it holds survives a kill."""

    host = "127.0.0.1"
    user = "dagster"
    database = "dagster"

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # The server refuses to run as root, and its user must be able to reach the folder: pytest's are closed to it.
        self._folder = Path(tempfile.mkdtemp(prefix="mlpo-postgres-", dir="/tmp"))
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.port = free_port()

    @property
    def pid(self) -> int:
        """The process that all others of the server descend from."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def create(self) -> None:
        """Make the files, start, and make the database."""
        if self._as_user:
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", *self._data, "-U", self.user, "--auth=trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", self.host, "-p", str(self.port), "-U", self.user, self.database)

    def start(self) -> None:
        """Start it; children of one that was killed may still be letting go."""
        options = f"-p {self.port} -c listen_addresses={self.host} -c fsync=off"
        options += f" -c unix_socket_directories={self._folder}"
        deadline = time.monotonic() + 60
        while True:
            try:
                self._run("pg_ctl", "-w", *self._data, "-o", options, "-l", str(self._folder / "log"), "start")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def delete(self) -> None:
        """Stop it and remove its files."""
        self._run("pg_ctl", "-w", *self._data, "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> list[str]:
        return ["-D", str(self._folder / "data")]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL)

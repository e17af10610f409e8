"""What the project starts by default listens on loopback only (the webserver: tests/pipelines/test_webserver.py)."""

import os
import socket
import subprocess

from tests.support import REPOSITORY, listening


def test_make_ui_asks_for_loopback() -> None:
    make = ["make", "--dry-run", "ui"]
    done = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "dagster dev" in line]
    assert "--host 127.0.0.1 " in line


def test_a_socket_that_is_open_to_others_is_seen() -> None:
    with socket.create_server(("", 0)) as open_to_all:
        assert ("0.0.0.0", open_to_all.getsockname()[1]) in listening(os.getpid())

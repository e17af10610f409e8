"""What the project starts by default listens on loopback only (the webserver: tests/pipelines/test_webserver.py)."""

import os
import socket
import subprocess
import sys

import pytest

from tests.support import REPOSITORY, listening

LOCAL_RAY = """
import os
from mlpo_core.launching.ray_cluster import connect
from tests.support import listening

ray = connect()
assert ray.get(ray.remote(lambda: 6 * 7).remote()) == 42
print(*{address for address, _ in listening(os.getpid())})
"""


def test_make_ui_asks_for_loopback() -> None:
    make = ["make", "--dry-run", "ui"]
    done = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "dagster dev" in line]
    assert "--host 127.0.0.1 " in line


def test_a_socket_that_is_open_to_others_is_seen() -> None:
    with socket.create_server(("", 0)) as open_to_all:
        assert ("0.0.0.0", open_to_all.getsockname()[1]) in listening(os.getpid())


@pytest.mark.slow
def test_ray_on_this_machine_is_for_this_machine() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-c", LOCAL_RAY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heard = set(done.stdout.split())
    assert heard and heard <= {"127.0.0.1", "::ffff:127.0.0.1"}

"""What several test modules need: import as `from tests.support import …`."""

import json
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
T = TypeVar("T")


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Poll until `condition()` is truthy and return its value; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds:.0f} s")


def postgres_binaries() -> Path | None:
    """Folder of PostgreSQL's programs, if it is installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if installed and (installed[-1] / "initdb").exists():
        return installed[-1]
    path = shutil.which("initdb")
    return Path(path).resolve().parent if path else None


def write_recorded(folder: Path, tasks: int = 30, samples: int = 3) -> None:
    """A folder of recorded tasks and responses (docs/recorded.md): three agents of different skill, sums as tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    questions: list[dict[str, object]] = []
    answers: list[dict[str, object]] = []
    for number in range(tasks):
        task = f"sum/{number}"
        questions.append(
            {"id": task, "cat": "sum", "question": f"What is {number} + {number}?", "target": str(2 * number)}
        )
        for agent, misses in (("good", 7), ("fair", 3), ("poor", 2)):
            for sample in range(samples):
                right = (number + sample) % misses != 0
                answer = 2 * number if right else 2 * number + 1
                answers.append({"task_id": task, "agent": agent, "response": f"It is <answer>{answer}</answer>"})
    for name, rows in (("math_tasks", questions), ("math_responses", answers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def gone(pids: list[int]) -> bool:
    """Whether none of these processes runs any more."""
    running = (psutil.Process(pid).status() for pid in pids if psutil.pid_exists(pid))
    return all(status == psutil.STATUS_ZOMBIE for status in running)


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses and ports on which a process, or one below it, accepts connections."""
    found: set[tuple[str, int]] = set()
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections("tcp")
            found |= {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}
    return found

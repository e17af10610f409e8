"""The other end of a `jail`: asks it to run an answer against tests, and ends what does not end by itself."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.grading import jail

WALL_S = 20.0
"""Seconds without a verdict after which an answer is stopped. Its processor time, which counts, is far less."""
_START_S = 120.0
_VERDICT_BYTES = 1 << 16
_COULD = "AssertionError: "
_NO_VERDICT = "its tests gave no verdict: it ended their processes, or took more than its time or memory"

_PROBE = """
import os, sys, time

def attempt(action):
    try:
        action()
    except BaseException:
        return False
    return True

def connects():
    import socket
    socket.create_connection(("127.0.0.1", 9), 1)

def probe():
    actions = {
        "read a file": lambda: open("/etc/passwd").read(),
        "list a folder": lambda: os.listdir("/"),
        "write a file": lambda: open("/tmp/x", "w").write("x"),
        "start a process": lambda: os.fork() or os._exit(0),
        "use the network": connects,
        "end another process": lambda: os.kill(1, 0),
        "take more memory": lambda: bytearray(2 << 30),
    }
    return [name for name, action in actions.items() if attempt(action)]
"""


class Program(NamedTuple):
    """Tests of an answer.

    Attributes:
        entry_point: The function that they test.
        tests: Python; its functions `check(candidate)` and `test_…()` are called, if there are such.
        setup: Python that stands before answer and tests; an answer may go on where it ends.
    """

    entry_point: str
    tests: str
    setup: str = ""


class Ran(NamedTuple):
    """What came of an answer: None where that took longer than anybody waits."""

    passed: bool | None
    reason: str


class Sandbox:
    """A jail. A context manager: it owns a process, which is started when first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.apart: list[str] = []
        """What the jail gave up beside what each process is locked by: network, files, user."""

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, program: Program, answer: str) -> Ran:
        """Run an answer against tests.

        Raises:
            RuntimeError: The jail does not start, or ended.
        """
        asked = self._started()
        tests_in, tests = os.pipe()
        verdict, verdict_in = os.pipe()
        answer_in, answered = os.pipe()
        socket.send_fds(asked, [b"run"], [tests_in, verdict_in, answer_in])
        for file in (tests_in, verdict_in, answer_in):
            os.close(file)
        shared = {"entry_point": program.entry_point, "setup": program.setup}
        until = time.monotonic() + WALL_S
        try:
            _write(tests, json.dumps({**shared, "tests": program.tests}).encode(), until)
            _write(answered, json.dumps({**shared, "answer": answer}).encode(), until)
            said = _read(verdict, until)
        finally:
            os.close(verdict)
            asked.sendall(b"end")
            ended = self._line()
        if said is None:
            return Ran(None, "it took longer than anybody waits")
        if not said:
            return Ran(False, f"{_NO_VERDICT} (exit codes {ended})")
        passed, reason = json.loads(said)
        return Ran(passed is True, str(reason))

    def close(self) -> None:
        """End the jail."""
        if self._socket:
            self._socket.close()
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stderr:
                self._process.stderr.close()
        self._process = self._socket = None

    def _started(self) -> socket.socket:
        if self._socket:
            return self._socket
        ours, theirs = socket.socketpair()
        # No variable of this process: what runs there has no use for one, and may hold secrets.
        self._process = subprocess.Popen(  # noqa: S603 - a command of our own, no shell
            [sys.executable, "-s", "-P", "-B", str(Path(jail.__file__)), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
        )
        theirs.close()
        self._socket = ours
        ours.settimeout(_START_S)
        self.apart = self._line()
        return ours

    def _line(self) -> Any:
        data = b""
        while not data.endswith(b"\n"):
            more = self._socket.recv(1 << 16) if self._socket else b""
            if not more:
                said = self._process.stderr.read() if self._process and self._process.stderr else b""
                self.close()
                raise RuntimeError(f"the process that runs code ended: {said.decode(errors='replace')[-500:].strip()}")
            data += more
        return json.loads(data)


@cache
def check() -> None:
    """Try to break out, once a process; whoever would run an answer calls this first.

    Raises:
        BadInput: This machine cannot lock what it would run; says what is not kept from it.
    """
    try:
        with Sandbox() as sandbox:
            program = Program("probe", "found = candidate()\nassert found == [], ', '.join(found)")
            escaped = sandbox.run(program, _PROBE)
            wrong = sandbox.run(Program("f", "assert candidate() == 1"), "def f(): return 2")
    except (RuntimeError, OSError) as error:
        raise BadInput(f"{_REFUSAL}: {error}") from error
    if not escaped.passed:
        could = escaped.reason.removeprefix(_COULD)
        raise BadInput(f"{_REFUSAL}: {escaped.reason if could == escaped.reason else f'what runs there could {could}'}")
    if wrong.passed is not False:
        raise BadInput(f"{_REFUSAL}: a wrong answer passed its tests there")


_REFUSAL = (
    "answer_kind: tests: this machine cannot lock up what models wrote, so nothing of it is run. It takes Linux on "
    "x86_64 or aarch64, with seccomp"
)


def _write(file: int, data: bytes, until: float) -> None:
    """Write and close; what nobody reads any more is dropped."""
    os.set_blocking(file, False)
    try:
        left = memoryview(data)
        while left and time.monotonic() < until:
            if _ready(file, select.POLLOUT, until):
                left = left[os.write(file, left) :]
    except BrokenPipeError:
        return
    finally:
        os.close(file)


def _read(file: int, until: float) -> bytes | None:
    """All that comes until the other end closes; None where that takes too long."""
    data = b""
    while time.monotonic() < until:
        if _ready(file, select.POLLIN, until):
            more = os.read(file, 1 << 16)
            if not more or len(data) > _VERDICT_BYTES:
                return data if not more else b""
            data += more
    return None


def _ready(file: int, event: int, until: float) -> bool:
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(1000 * max(0.0, until - time.monotonic())))

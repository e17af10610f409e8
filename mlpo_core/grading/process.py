"""The other end of a `worker`: asks it, and replaces it when it was killed or does not answer any more."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Literal, cast

import mlpo_core
from mlpo_core.errors import BadInput
from mlpo_core.grading import checker
from mlpo_core.types import AnswerKind

READ_S, COMPARE_S, MEMORY_BYTES = 0.8, 1.2, 2 << 30
"""Limits of one answer: processor seconds to read it and to compare it, and address space.

Equal answers take under 0.2 s to compare, and the slowest of 1,598 recorded MATH answers takes 0.9 s. Processor time,
not wall time: a verdict must not depend on what else runs.
"""
WALL_S = 30.0
"""Seconds without a sign of life after which a worker counts as lost: stopped, or on a machine that does not run it."""
_START_S = 300.0
_STARTS = 3
_END_S = 1.0

Operation = Literal["read", "compare"]
Library = Literal["maths", "json", "units", "checkers", "code"]
LIBRARIES: Mapping[AnswerKind, Library] = {
    "math": "maths",
    "json": "json",
    "unit": "units",
    "checker": "checkers",
    "tests": "code",
}
"""What a worker has to load for answers of a kind; the other kinds need nothing."""


class _Lost(Exception):
    """The worker is gone, or silent for too long."""


class Worker:
    """One worker process, replaced as often as needed.

    Args:
        libraries: What it loads when it starts, which takes it up to a second more: no answer's time is spent on it.
        checkers: Import path or entry point by benchmark, loaded where `libraries` names them.
    """

    def __init__(
        self, libraries: frozenset[Library] = frozenset(), checkers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.libraries = libraries
        self._checkers = dict(checkers) if "checkers" in libraries else {}
        self._closed = False
        self._lock = threading.Lock()
        self._start()

    @property
    def pid(self) -> int:
        """The process, which leads a process group of its own."""
        return self._process.pid

    def ask(self, operation: Operation, items: Sequence[Any]) -> list[Any]:
        """One answer per item, in order; None where a limit stopped it, or where the worker was lost over it twice.

        Raises:
            RuntimeError: The worker does not start, or grading has a bug.
            BadInput: A checker cannot be loaded.
        """
        answers: list[Any] = []
        again = False
        while len(answers) < len(items):
            try:
                self._await_ready()
                self._send(json.dumps([operation, items[len(answers) :]]).encode() + b"\n")
                stopped = False
                while not stopped and len(answers) < len(items):
                    answer = self._receive(WALL_S)
                    stopped, again = answer == "stopped", False
                    answers.append(None if stopped else answer)
            except _Lost:
                self._replace()
                if again:
                    answers.append(None)
                again = not again
        return answers

    def stop(self) -> None:
        """End the process and its child. Another thread that waits in `ask` gets a RuntimeError."""
        with self._lock:
            self._closed = True
            self._kill()

    def close(self) -> None:
        """End the process and its child. Nobody may be in `ask`, then or later."""
        self._closed = True
        # Let the process bury its child: in a container nobody else may do it.
        self._in.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._release()

    def _replace(self) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the grader was closed while it graded")
            self._kill()
            self._release()
            self._start()

    def _start(self) -> None:
        # One thread and a fixed hash seed: the same answer gets the same verdict everywhere.
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        package = str(Path(mlpo_core.__file__).parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        limits = [str(READ_S), str(COMPARE_S), str(MEMORY_BYTES)]
        if self._checkers:
            limits += [json.dumps(self._checkers), str(checker.CHECK_S), str(checker.WAIT_S)]
        self._process = subprocess.Popen(  # noqa: S603 - a command of our own, no shell
            [
                sys.executable,
                "-P",
                "-m",
                "mlpo_core.grading.worker",
                ",".join(sorted(self.libraries)) or "plain",
                *limits,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            process_group=0,
        )
        self._in, self._out = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._in.fileno(), False)
        self._received = b""
        self._ready = False

    def _kill(self) -> None:
        # Nobody else can get the number of the group before the wait in `_release`.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _release(self) -> None:
        self._process.wait()
        self._in.close()
        self._out.close()

    def _await_ready(self) -> None:
        for _ in range(_STARTS):
            if self._ready:
                return
            try:
                said = self._receive(_START_S)
            except _Lost:
                self._replace()
                continue
            if said != "ready":
                raise BadInput(str(said))
            self._ready = True
        if not self._ready:
            raise RuntimeError(f"the grading worker did not start, {_STARTS} times; its own error is above")

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._in, select.POLLOUT, WALL_S)
            try:
                left = left[os.write(self._in.fileno(), left) :]
            except BrokenPipeError as error:
                raise _Lost from error

    def _receive(self, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while b"\n" not in self._received:
            self._wait(self._out, select.POLLIN, until - time.monotonic())
            data = os.read(self._out.fileno(), 1 << 16)
            if not data:
                raise _Lost
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        answer = json.loads(line)
        if isinstance(answer, dict):
            self._replace()
            raise RuntimeError(f"grading failed:\n{answer['error']}")
        return answer

    def _wait(self, file: IO[bytes], event: int, seconds: float) -> None:
        poll = select.poll()
        poll.register(file.fileno(), event)
        if not poll.poll(max(0.0, seconds) * 1000):
            raise _Lost

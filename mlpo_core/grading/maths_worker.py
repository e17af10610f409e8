"""Compare LaTeX expressions with `math-verify`, one request a line, in a child process that the kernel kills in time.

Run as a script, and importing nothing of this project: the supervisor imports sympy once and forks a child that does
the comparing. Before each request the child sets two kernel timers, whose default action ends the process wherever
it is, in C code too. The supervisor sees its pipe close, answers `null` and forks the next child, which takes
milliseconds. Only when a busy machine gave the child next to no CPU time is the request tried a second time, and
answered `"starved"` when that fails too. Requests and answers are JSON, so nothing that a model wrote is ever
unpickled. Only the LaTeX grammar parses them: `math-verify`'s parser of plain expressions goes through Python's `eval`.
"""

import contextlib
import importlib.util
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO


def _beside(name: str) -> ModuleType:
    """The module in a file next to this one, without making the rest of the folder importable."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {name}.py next to {__file__}; reinstall mlpo_core")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_equal: Callable[[str, str], bool] = _beside("maths_equality").equal


def compare(gold: str, candidates: list[str]) -> bool:
    """Whether any candidate is mathematically equal to the gold expression."""
    return any(_equal(gold, candidate) for candidate in candidates)


_STARVED = 0.3
"""Share of the CPU limit below which the machine, not the expression, was slow."""
_WARM_UP = (
    (r"\frac{1}{2}", "0.5"),
    ("(3,4]", "(3,4)"),
    (r"3\sqrt{13}", r"\sqrt{118}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}"),
    ("x=5", "6"),
    (r"F_n = \sum_{k=0}^{n-1} F_k", r"F_n = \sum_{k=0}^{n-1} F_{n-k-1}"),
    (r"[2,\infty)", r"(-\infty,2)\cup(3,\infty)"),
    (r"\log_2 3", r"\sin(\frac{30\pi}{180})"),
)


def _child(requests: TextIO, answers: TextIO, cpu_s: float, wall_s: float, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for line in requests:
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        signal.setitimer(signal.ITIMER_REAL, wall_s)
        try:
            request = json.loads(line)
            equal = compare(request["gold"], request["candidates"])
        except (Exception, RecursionError, MemoryError):
            equal = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(f"{json.dumps([equal, time.process_time()])}\n")
        answers.flush()


class _Child:
    """A forked process that compares, until it is killed."""

    def __init__(self, *limits: Any) -> None:
        to_child, from_parent = os.pipe()
        to_parent, from_child = os.pipe()
        self._cpu_s = 0.0
        self.pid = os.fork()
        if self.pid == 0:
            os.close(from_parent)
            os.close(to_parent)
            status = 1
            try:
                _child(os.fdopen(to_child), os.fdopen(from_child, "w"), *limits)
                status = 0
            finally:
                os._exit(status)
        os.close(to_child)
        os.close(from_child)
        self._requests, self._answers = os.fdopen(from_parent, "w"), os.fdopen(to_parent)

    def ask(self, line: str) -> bool | None:
        """The answer to a request, or None when the child died over it."""
        try:
            self._requests.write(line)
            self._requests.flush()
        except BrokenPipeError:
            return None
        answer = self._answers.readline()
        if not answer:
            return None
        equal, self._cpu_s = json.loads(answer)
        return equal

    def end(self) -> float:
        """Kill the process if it still lives; returns the CPU seconds it used since its last answer."""
        os.kill(self.pid, signal.SIGKILL)
        usage = os.wait4(self.pid, 0)[2]
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        return usage.ru_utime + usage.ru_stime - self._cpu_s


def main(cpu_s: float, wall_s: float, memory: int) -> None:
    """Serve until standard input closes."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(2000)
    # Children inherit what this imports and what the parser has learnt.
    for gold, candidate in _WARM_UP:
        compare(gold, [candidate])
    child = _Child(cpu_s, wall_s, memory)
    print("ready", flush=True)
    for line in sys.stdin:
        answer: bool | str | None = None
        for _ in range(2):
            answer = child.ask(line)
            if answer is not None:
                break
            answer = "starved" if child.end() < _STARVED * cpu_s else None
            child = _Child(cpu_s, wall_s, memory)
            if answer is None:
                break
        print(json.dumps(answer), flush=True)
    child.end()


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

"""The process that grades: a supervisor that forks a child, which the kernel ends when an answer takes too long.

    python -m mlpo_core.grading.worker LIBRARIES READ_S COMPARE_S MEMORY_BYTES [CHECKERS CHECK_S WAIT_S]

LIBRARIES are `plain`, or some of `maths`, `json`, `units`, `checkers` and `code` (which lets it run answers), commas
between; CHECKERS is a JSON object.

The supervisor imports once what grading needs and then only waits: its child serves the requests, on the standard input
and output that it inherits. Before each answer the child sets a kernel timer of its own processor time, whose default
action ends the process wherever it is, in C code too; a busy machine slows that clock down with everything else. The
supervisor then writes `stopped` and forks the next child, which takes milliseconds. A child that ends otherwise takes
the supervisor with it, and `process.Worker` starts another.

A request is a line of JSON, `[operation, [item, …]]`; the answer to each of its items is another. So nothing that a
model wrote is ever unpickled. Only the LaTeX grammar parses it: `math-verify`'s parser of plain expressions goes
through Python's `eval`.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, BinaryIO

from mlpo_core import plugins
from mlpo_core.errors import BadInput
from mlpo_core.grading import checker, json_value, quantity
from mlpo_core.grading.maths import Prepared
from mlpo_core.grading.maths_equality import equal
from mlpo_core.grading.programs import grade_program
from mlpo_core.grading.read import read
from mlpo_core.grading.sandbox import Sandbox
from mlpo_core.types import Task

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
_KIND = 4
"""Where the kind of a task stands in what `read` is asked."""
_BY_THE_ANSWER = {signal.SIGPROF, signal.SIGALRM, signal.SIGSEGV, signal.SIGABRT}
"""What ends a child because of the answer before it: its time limit, or a library without stack or memory."""


def main(
    libraries: str,
    read_s: float,
    compare_s: float,
    memory: int,
    checkers: dict[str, str],
    check_s: float,
    wait_s: float,
) -> None:
    """Serve until standard input closes. `checkers` are import paths or entry points by benchmark."""
    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(2000)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    # Children inherit what this imports and what the parsers have learnt.
    for library in libraries.split(","):
        _LOADING.get(library, _nothing)()
        _LOADED.add(library)
    try:
        for benchmark, path in checkers.items():
            _CHECKERS[benchmark] = plugins.load(path, f"tasks: {benchmark}: checker", plugins.CHECKERS)
    except BadInput as error:
        _write(answers, str(error))
        return
    limits = {"read": (read_s, 0.0), "compare": (compare_s, 0.0), "check": (check_s, wait_s)}
    _write(answers, "ready")
    while (status := _wait_for_child(answers, limits, memory)) != 0:
        if -status not in _BY_THE_ANSWER:
            sys.exit(f"a grading process ended with exit code {status}")
        _write(answers, "stopped")


_CHECKERS: dict[str, Callable[..., Any]] = {}
_LOADED: set[str] = set()


def _nothing() -> None:
    """A worker that compares texts alone needs no library."""


def _load_maths() -> None:
    for gold, candidate in _WARM_UP:
        equal(gold, candidate)


def _load_json() -> None:
    json_value.problem('{"$matches": {"type": "object"}}')


def _load_units() -> None:
    with contextlib.suppress(BadInput):  # told by the first answer
        quantity.problem("1 m/s^2")


_LOADING: Mapping[str, Callable[[], None]] = {"maths": _load_maths, "json": _load_json, "units": _load_units}


def _wait_for_child(answers: BinaryIO, limits: dict[str, tuple[float, float]], memory: int) -> int:
    """Fork a child and wait for its end. Returns its exit code: 0 when standard input closed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
                _serve(answers, limits, memory)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _serve(answers: BinaryIO, limits: dict[str, tuple[float, float]], memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    operations: dict[str, Callable[[list[Any]], Any]] = {"read": _read, "compare": _compare}
    for line in sys.stdin.buffer:
        operation, items = json.loads(line)
        for item in items:
            asks = operation == "read" and item[_KIND] == "checker"
            cpu_s, wait_s = limits["check" if asks else operation]
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            signal.setitimer(signal.ITIMER_REAL, wait_s)
            answer = _attempt(operations[operation], item)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write(answers, answer)


def _attempt(operation: Callable[[list[Any]], Any], item: list[Any]) -> Any:
    """The answer to an item; None where memory or stack did not suffice."""
    try:
        return operation(item)
    except (MemoryError, RecursionError):
        return None
    except Exception:
        return {"error": traceback.format_exc()}


def _read(item: list[Any]) -> list[Any] | None:
    benchmark, question, choices, answer, kind, response = item
    task = Task("", benchmark, "", "test", question, tuple(choices), answer, kind)
    if kind == "checker":
        return list(checker.ask(_CHECKERS[benchmark], task, response or ""))
    if kind == "tests":
        return _run(task, response)
    found = read(task, response)
    if isinstance(found, Prepared):
        return [found.extracted, None, found.gold, found.candidates]
    return [found.extracted, found.correct]


def _run(task: Task, response: str | None) -> list[Any] | None:
    """The verdict of tests; None where the jail ended over them twice, or nobody waits any longer."""
    if "code" not in _LOADED:
        raise PermissionError("this process may not run what models wrote")
    for _ in range(2):
        with contextlib.suppress(RuntimeError, OSError):
            verdict = grade_program(task.answer, response or "", _sandbox())
            return None if verdict.ungraded else [verdict.extracted, verdict.correct]
        _sandbox().close()
    return None


@cache
def _sandbox() -> Sandbox:
    """The jail of this process, which ends with it."""
    return Sandbox()


def _compare(item: list[Any]) -> bool:
    gold, candidates = item
    try:
        return any(equal(gold, candidate) for candidate in candidates)
    except MemoryError:
        raise
    except Exception:  # what the parser or the algebra system cannot handle equals nothing
        return False


def _write(answers: BinaryIO, answer: Any) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    try:
        named, check_s, wait_s = sys.argv[5:8] if len(sys.argv) > 5 else ("{}", "0", "0")
        limits = float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
        main(sys.argv[1], *limits, json.loads(named), float(check_s), float(wait_s))
    except (BrokenPipeError, KeyboardInterrupt):  # whoever started this is gone: there is nobody to tell
        os._exit(0)

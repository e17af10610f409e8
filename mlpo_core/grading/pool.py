"""Grade responses: cheap kinds here, free-form mathematics in worker processes with hard limits."""

import atexit
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Self, cast

from mlpo_core.grading import maths
from mlpo_core.grading.exact import grade_exact
from mlpo_core.grading.number import grade_number
from mlpo_core.grading.option import grade_option, listed_options
from mlpo_core.types import Task, Verdict

CPU_S, WALL_S, MEMORY_BYTES = 0.6, 1.6, 2 << 30
"""Limits of one comparison: seconds of CPU and of wall time, and address space. Past them the answer is wrong.

Equal answers take under 0.2 s of CPU time. A comparison that a busy machine left without it is tried once more.
"""

_log = logging.getLogger(__name__)
_REMEMBERED = 100_000
_SCRIPT = Path(__file__).with_name("maths_worker.py")

_Job = tuple[str, tuple[str, ...]]


class Grader:
    """Grades many responses. A context manager: it owns worker processes, started when first needed.

    Args:
        processes: Worker processes for free-form mathematics; by default one per available core, at most four.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._limit = processes or min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self._workers: list[_Worker] = []
        self._known: dict[_Job, bool | None] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes. A closed grader starts new ones when used again."""
        with self._lock:
            for worker in self._workers:
                worker.close()
            self._workers.clear()

    def grade_many(self, pairs: Sequence[tuple[Task, str | None]]) -> list[Verdict]:
        """One verdict per (task, response), in order. Equal comparisons are made once."""
        prepared = [_prepare(task, response) for task, response in pairs]
        jobs = dict.fromkeys((p.gold, p.candidates) for p in prepared if isinstance(p, maths.Prepared))
        with self._lock:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._distribute([job for job in jobs if job not in self._known])
            verdicts = [
                p if isinstance(p, Verdict) else Verdict(p.extracted, bool(self._known[p.gold, p.candidates]))
                for p in prepared
            ]
            if starved := [job for job in jobs if self._known[job] is None]:
                message = (
                    "%d of %d comparisons got almost no CPU time, twice, and count as wrong: the machine is too busy"
                )
                _log.warning(message, len(starved), len(jobs))
            for job in starved:
                del self._known[job]
            return verdicts

    def _distribute(self, jobs: list[_Job]) -> None:
        while len(self._workers) < min(self._limit, len(jobs)):
            self._workers.append(_Worker())
        if len(jobs) <= 1 or len(self._workers) == 1:
            for job in jobs:
                self._known[job] = self._workers[0].compare(job)
            return
        queue: SimpleQueue[_Job | None] = SimpleQueue()
        for job in (*jobs, *[None] * len(self._workers)):
            queue.put(job)
        failures: list[BaseException] = []
        threads = [threading.Thread(target=self._drain, args=(worker, queue, failures)) for worker in self._workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _drain(self, worker: "_Worker", queue: "SimpleQueue[_Job | None]", failures: list[BaseException]) -> None:
        try:
            while (job := queue.get()) is not None:
                self._known[job] = worker.compare(job)
        except BaseException as error:
            failures.append(error)


class _Worker:
    """A `maths_worker` process. See there for how a comparison is kept within its limits."""

    def __init__(self) -> None:
        limits = [str(CPU_S), str(WALL_S), str(MEMORY_BYTES)]
        # One thread and a fixed hash seed: the same answer gets the same verdict everywhere.
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", str(_SCRIPT), *limits]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        )
        self._in, self._out = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        self._ready = False

    def compare(self, job: _Job) -> bool | None:
        """Whether a candidate equals the gold expression; None when the machine was too busy to say."""
        try:
            if not self._ready and self._out.readline() != "ready\n":
                raise BrokenPipeError
            self._ready = True
            self._in.write(json.dumps({"gold": job[0], "candidates": job[1]}) + "\n")
            self._in.flush()
            answer = self._out.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"the grading worker ended with exit code {self._process.wait()}")
        verdict = json.loads(answer)
        return None if verdict == "starved" else verdict is True

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        with contextlib.suppress(BrokenPipeError):
            self._in.close()


_shared: dict[int, Grader] = {}


def grade(task: Task, response: str | None) -> Verdict:
    """Grade one response. Free-form mathematics shares one worker process, started on first use."""
    prepared = _prepare(task, response)
    if isinstance(prepared, Verdict):
        return prepared
    # Keyed by process: a forked child must not talk over its parent's pipes.
    if os.getpid() not in _shared:
        _shared[os.getpid()] = Grader(processes=1)
        atexit.register(_shared[os.getpid()].close)
    return _shared[os.getpid()].grade_many([(task, response)])[0]


def self_check(tasks: Iterable[Task]) -> list[str]:
    """The ids of tasks whose own gold answer is not graded correct: bare, in a box, or in an answer tag."""
    rejected: list[str] = []
    with Grader() as grader:
        for task in tasks:
            forms = (task.answer, f"\\boxed{{{task.answer}}}", f"<think>So.</think>\n<answer>{task.answer}</answer>")
            if not all(verdict.correct for verdict in grader.grade_many([(task, form) for form in forms])):
                rejected.append(task.task_id)
    return rejected


def _prepare(task: Task, response: str | None) -> Verdict | maths.Prepared:
    if response is None or not response.strip():
        return Verdict(None, False)
    # Lone surrogates cannot be written to Parquet.
    response = response.encode("utf-8", "replace").decode()
    match task.answer_kind:
        case "option":
            return grade_option(task.answer, task.choices or listed_options(task.question), response, task.question)
        case "number":
            return grade_number(task.answer, response, task.question)
        case "exact":
            return grade_exact(task.answer, response, task.question)
        case "math":
            prepared = maths.prepare(task.answer, response, task.question)
            return prepared if prepared.correct is None else Verdict(prepared.extracted, prepared.correct)

"""Grade responses in worker processes, which are stopped over an answer that takes too long and replaced when lost."""

import atexit
import os
import threading
from collections.abc import Iterable, Sequence, Set
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Grading
from mlpo_core.grading import sandbox
from mlpo_core.grading.checker import CHECK_S, WAIT_S
from mlpo_core.grading.failures import Failures
from mlpo_core.grading.gold import example
from mlpo_core.grading.process import LIBRARIES, Library, Operation, Worker
from mlpo_core.progress import log
from mlpo_core.types import Task, Verdict

_REMEMBERED = 100_000
_CHUNK = {"read": 32, "compare": 1}
"""Items that a worker is given at once: the cost of asking is shared, and no worker is left with all the slow ones."""

_MATHS: frozenset[Library] = frozenset({"maths"})
NOTHING_RUN = Grading()
"""No code is run but the grader's own."""
_STOPPED = f"took more than {CHECK_S:.0f} s of processor time or {WAIT_S:.0f} s in all, or ended its process"
_UNBOXED = ("json", "tests")
_BOX = "\\boxed{{{}}}"

_Job = tuple[str, tuple[str, ...]]


class _Reading(NamedTuple):
    """What a worker found in a response; `correct` is None where the comparison `job` decides."""

    extracted: str | None
    correct: bool | None
    job: _Job = ("", ())
    failure: str = ""
    """Why a checker gave no verdict."""


class Judging(Protocol):
    """Who says of answers of `answer_kind: judge` whether they are right: a model, which no worker process may hold."""

    def verdicts(self, pairs: Sequence[tuple[Task, str | None]]) -> list[Verdict]:
        """One verdict per (task, response), in order."""
        ...

    def close(self) -> None:
        """Free what it holds; it begins anew when used again."""
        ...


class Grader:
    """Grades many responses. A context manager: it owns worker processes, started when first needed.

    An answer that takes more than its processor time, or over which a worker is lost twice, is `ungraded`; how many
    these are is logged.

    Args:
        processes: Worker processes at most; by default one per available core, at most four.
        grading: What may be run beside the grader's own code.
        judge: Who judges, which is the grader's from then on; without one, tasks that need it are refused.
    """

    def __init__(
        self, processes: int | None = None, grading: Grading = NOTHING_RUN, judge: Judging | None = None
    ) -> None:
        self._judge = judge
        self._grading = grading
        self._failures = Failures(grading.checkers)
        self._limit = processes or min(4, cores())
        self._workers: list[Worker] = []
        self._known: dict[_Job, bool] = {}
        self._lock = threading.Lock()
        self.ungraded = 0
        """Responses so far that could not be graded within the limits."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes. A closed grader starts new ones when used again."""
        with self._lock:
            self._close()
            if self._judge:
                self._judge.close()

    def grade_many(self, pairs: Sequence[tuple[Task, str | None]]) -> list[Verdict]:
        """One verdict per (task, response), in order. Equal comparisons are made once.

        Raises:
            BadInput: A checker or judge is not named, cannot be loaded, or gives no verdict on anything.
            Transient: The judge's endpoint was away.
        """
        with self._lock:
            check_allowed((task for task, _ in pairs), self._grading, self._judge is not None)
            judged = [pair for pair in pairs if pair[0].answer_kind == "judge"]
            compared = iter(self._compared([pair for pair in pairs if pair[0].answer_kind != "judge"]))
            said = iter(self._judge.verdicts(judged) if self._judge and judged else ())
            return [next(said if task.answer_kind == "judge" else compared) for task, _ in pairs]

    def refuse_failing(self) -> None:
        """Refuse checkers that gave no verdict yet, however few the answers were.

        Raises:
            BadInput: There is such a checker; names it.
        """
        self._failures.count((), enough=1)

    def _compared(self, pairs: Sequence[tuple[Task, str | None]]) -> list[Verdict]:
        """The verdicts that worker processes give."""
        libraries: set[Library] = {LIBRARIES[task.answer_kind] for task, _ in pairs if task.answer_kind in LIBRARIES}
        asked = [_request(task, response) for task, response in pairs]
        readings = [_reading(answer) for answer in self._ask("read", asked, libraries)]
        decided = self._compare([r.job for r in readings if r and r.correct is None])
        verdicts = [_verdict(reading, decided) for reading in readings]
        asked_checkers = [(t, r) for (t, said), r in zip(pairs, readings, strict=True) if said and _has_checker(t)]
        self._failures.count((task.benchmark, _failure(reading)) for task, reading in asked_checkers)
        if ungraded := sum(verdict.ungraded for verdict in verdicts):
            self.ungraded += ungraded
            log(f"{ungraded} of {len(pairs)} responses ungraded: they exceeded a limit, and count as wrong")
        return verdicts

    def _compare(self, jobs: Sequence[_Job]) -> dict[_Job, bool | None]:
        """Whether a candidate equals the gold expression, for every job; None where that could not be settled."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        distinct = dict.fromkeys(jobs)
        new = [job for job in distinct if job not in self._known]
        answers = dict(zip(new, self._ask("compare", new, _MATHS), strict=True))
        self._known.update({job: answer for job, answer in answers.items() if answer is not None})
        return {job: answers[job] if job in answers else self._known[job] for job in distinct}

    def _ask(self, operation: Operation, items: Sequence[Any], libraries: Set[Library]) -> list[Any]:
        """One answer per item, in order, from as many workers as there is work for."""
        if not items:
            return []
        size = _CHUNK[operation]
        chunks = [items[i : i + size] for i in range(0, len(items), size)]
        workers = self._started(min(self._limit, len(chunks)), libraries)
        if len(workers) == 1:
            return [answer for chunk in chunks for answer in workers[0].ask(operation, chunk)]
        answers: list[list[Any]] = [[]] * len(chunks)
        queue: SimpleQueue[int | None] = SimpleQueue()
        for i in (*range(len(chunks)), *[None] * len(workers)):
            queue.put(i)
        failures: list[BaseException] = []

        def drain(worker: Worker) -> None:
            try:
                while (i := queue.get()) is not None:
                    answers[i] = worker.ask(operation, chunks[i])
            except BaseException as error:
                failures.append(error)

        self._run([threading.Thread(target=drain, args=(worker,)) for worker in workers])
        if failures:
            raise failures[0]
        return [answer for chunk in answers for answer in chunk]

    def _run(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C
            for worker in self._workers:
                worker.stop()
            for thread in threads:
                thread.join()
            self._close()
            raise

    def _started(self, count: int, libraries: Set[Library]) -> list[Worker]:
        """This many workers, with the libraries loaded that are needed."""
        loaded = frozenset(libraries).union(*(worker.libraries for worker in self._workers))
        if any(worker.libraries < loaded for worker in self._workers):
            self._close()
        while len(self._workers) < count:
            self._workers.append(Worker(loaded, self._grading.checkers))
        return self._workers[:count]

    def _close(self) -> None:
        while self._workers:
            self._workers.pop().close()


_shared: dict[int, Grader] = {}


def grade(task: Task, response: str | None) -> Verdict:
    """Grade one response. All callers share one worker process, started on first use."""
    # Keyed by process: a forked child must not talk over its parent's pipes.
    if os.getpid() not in _shared:
        _shared[os.getpid()] = Grader(processes=1)
        atexit.register(_shared[os.getpid()].close)
    return _shared[os.getpid()].grade_many([(task, response)])[0]


def self_check(tasks: Iterable[Task], grading: Grading = NOTHING_RUN) -> list[str]:
    """The ids of tasks whose own gold answer is not graded correct: bare, in a box, or in an answer tag.

    JSON and programs are not put into a box, and a task whose gold answer only says what is asked of one is not tried.

    Raises:
        BadInput: A checker gives no verdict on any gold answer.
    """
    examples = [(task, right) for task in tasks if (right := example(task.answer_kind, task.answer)) is not None]
    rejected: set[str] = set()
    with Grader(grading=grading) as grader:
        for form in ("{}", _BOX, "<think>So.</think>\n<answer>{}</answer>"):
            tried = [
                (task, form.format(right))
                for task, right in examples
                if form != _BOX or task.answer_kind not in _UNBOXED
            ]
            verdicts = grader.grade_many(tried)
            rejected |= {
                task.task_id for (task, _), verdict in zip(tried, verdicts, strict=True) if not verdict.correct
            }
        grader.refuse_failing()
    return [task.task_id for task, _ in examples if task.task_id in rejected]


def check_allowed(tasks: Iterable[Task], grading: Grading, judged: bool) -> None:
    """Refuse tasks that take what the experiment does not name: rows cannot make anything run.

    Args:
        tasks: What is to be graded.
        grading: What the experiment names.
        judged: Whether there is a judge.

    Raises:
        BadInput: A task takes code or a judge that there is not, or this machine cannot lock programs in.
    """
    found = {(task.benchmark, task.answer_kind) for task in tasks}
    kinds = {kind for _, kind in found}
    if "tests" in kinds:
        if not grading.run_code:
            raise BadInput(
                "answer_kind: tests runs what models wrote, and nothing of it is run unless the experiment says "
                "so: grading: {run_code: true}"
            )
        sandbox.check()
    if "judge" in kinds and not judged:
        raise BadInput(
            "answer_kind: judge is graded by a model that an experiment names, and none is named here: "
            "grading: {judge: {model: …, rubric: …}}"
        )
    unknown = {benchmark for benchmark, kind in found if kind == "checker"} - grading.checkers.keys()
    if unknown:
        raise BadInput(
            f"tasks: {', '.join(sorted(unknown))} is graded by a checker, which this experiment does not name: "
            "tasks: - {…, checker: package.module:name}"
        )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _request(task: Task, response: str | None) -> list[Any]:
    return [task.benchmark, task.question, task.choices, task.answer, task.answer_kind, response]


def _reading(answer: Any) -> _Reading | None:
    """A worker's answer to `read`; None where it was stopped."""
    if answer is None:
        return None
    extracted, correct, *job = answer
    if len(job) == 1:
        return _Reading(extracted, correct, failure=job[0])
    return _Reading(extracted, correct, (job[0], tuple(job[1]))) if job else _Reading(extracted, correct)


def _verdict(reading: _Reading | None, decided: dict[_Job, bool | None]) -> Verdict:
    if reading is None:
        return Verdict(None, False, ungraded=True)
    correct = decided[reading.job] if reading.correct is None else reading.correct
    return Verdict(reading.extracted, correct is True, ungraded=correct is None or bool(reading.failure))


def _has_checker(task: Task) -> bool:
    return task.answer_kind == "checker"


def _failure(reading: _Reading | None) -> str:
    """Why a checker gave no verdict; empty where it gave one."""
    return _STOPPED if reading is None else reading.failure

"""The worker processes: bombs are stopped in time, lost workers are replaced, nothing is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpo_core.grading import Grader, grade, process, self_check
from mlpo_core.types import AnswerKind, Task, Verdict
from tests.core.grading.test_grading_hostile import TRAPS

GOLD = Task("t", "math", "", "test", "?", (), r"\frac{1}{2}\sqrt{2}", "math")

BOMBS = [
    "9^{9^{9^{9^{9}}}}",
    "9**9**9**9",
    "(((((" * 200,
    r"\frac{" * 300 + "1" + "}{2}" * 300,
    r"\sqrt{" * 300 + "2" + "}" * 300,
    "1000000000!",
    "{100000!}!",
    r"\sum_{i=1}^{10^{12}} \sin(i)^{i}",
    r"\int_0^{\infty} e^{-x^{x^{x}}} \sin(x^{100}) dx",
    r"\prod_{n=1}^{99999999} (x+n)",
    "(x+y+z+w)^{500} - (x+y+z)^{499}",
    r"\binom{10^{9}}{5\cdot 10^{8}}",
    "__import__('os').system('touch /tmp/mlpo-pwned')",
    r"\input{/etc/passwd}",
]


@pytest.fixture(scope="module")
def warm():
    with Grader(1) as grader:
        grader.grade_many([(GOLD, r"\boxed{\frac{\sqrt{2}}{2}}")])
        yield grader


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_wrong_within_the_limit(warm: Grader, bomb: str):
    start = time.monotonic()
    verdict = warm.grade_many([(GOLD, f"<answer>{bomb}</answer>")])[0]
    elapsed = time.monotonic() - start
    assert not verdict.correct
    assert elapsed < process.WALL_S  # processor time is limited: how long that takes is up to the machine
    assert not os.path.exists("/tmp/mlpo-pwned")


@pytest.mark.parametrize("name", TRAPS)
def test_a_megabyte_of_mathematics_is_wrong_within_the_limit(warm: Grader, name: str):
    start = time.monotonic()
    verdict = warm.grade_many([(GOLD, f"<answer>{TRAPS[name]}</answer>")])[0]
    elapsed = time.monotonic() - start
    assert not verdict.correct
    assert elapsed < process.WALL_S  # processor time is limited: how long that takes is up to the machine


def test_the_worker_goes_on_after_bombs(warm: Grader):
    right = (GOLD, r"\boxed{\frac{1}{\sqrt{2}}}")
    verdicts = warm.grade_many([right, (GOLD, r"\boxed{9^{9^{9^{9}}}}"), right, (GOLD, r"\boxed{\sqrt{\frac12}}")])
    assert [verdict.correct for verdict in verdicts] == [True, False, True, True]


def test_what_the_time_limit_stops_is_ungraded_and_counted(capsys: pytest.CaptureFixture[str]):
    nested = "(" * 60 + "x" + "+1)^2" * 60
    bomb, right = (GOLD, f"\\boxed{{{nested}}}"), (GOLD, r"\boxed{\sqrt{0.5}}")
    with Grader(1) as grader:
        verdicts = grader.grade_many([bomb, right, bomb])
        assert [verdict.ungraded for verdict in verdicts] == [True, False, True]
        assert [verdict.correct for verdict in verdicts] == [False, True, False]
        assert verdicts[0].extracted == nested
        assert grader.ungraded == 2
    assert "2 of 3 responses ungraded" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["option", "exact", "number", "math"])
def test_a_response_of_any_kind_that_takes_too_long_to_read_is_ungraded(
    monkeypatch: pytest.MonkeyPatch, kind: AnswerKind
):
    task = Task("t", "bbh", "", "test", "?", ("x", "y"), "1" if kind in ("number", "math") else "A", kind)
    short = (task, f"<answer>{task.answer}</answer>")
    with Grader(1) as grader:
        assert grader.grade_many([short])[0].correct
    monkeypatch.setattr(process, "READ_S", 0.001)
    endless = "A phrase, and (B) 12 or $x$; " * 1_000_000
    with Grader(1) as grader:
        assert grader.grade_many([(task, endless), (task, None)]) == [
            Verdict(None, False, True),
            Verdict(None, False, False),
        ]


def test_waiting_is_no_processor_time():
    start = time.monotonic()
    with Grader(1) as grader:
        grader.grade_many([(GOLD, None)])
        threading.Timer(0.2, os.killpg, (grader._workers[0].pid, signal.SIGSTOP)).start()
        threading.Timer(2.0, os.killpg, (grader._workers[0].pid, signal.SIGCONT)).start()
        time.sleep(0.5)
        assert grader.grade_many([(GOLD, r"\boxed{\sqrt{0.5}}")])[0].correct
    assert time.monotonic() - start > process.READ_S + process.COMPARE_S


def child(pid: int) -> int:
    """The process that a worker forked."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                return int(folder.name)
    raise AssertionError(f"process {pid} has no child")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda pid: os.killpg(pid, signal.SIGKILL), id="worker and child killed"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGKILL), id="worker killed"),
        pytest.param(lambda pid: os.kill(child(pid), signal.SIGKILL), id="child killed"),
        pytest.param(lambda pid: os.killpg(pid, signal.SIGSTOP), id="worker and child stopped"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGSTOP), id="worker stopped"),
        pytest.param(lambda pid: os.kill(child(pid), signal.SIGSTOP), id="child stopped"),
    ],
)
def test_a_lost_worker_is_replaced_and_no_verdict_changes(monkeypatch: pytest.MonkeyPatch, how: Callable[[int], None]):
    monkeypatch.setattr(process, "WALL_S", 3.0)
    task = Task("t", "bbh", "", "test", "?", (), "7", "number")
    pairs = [(task, f"The answer is {i}.") for i in range(100)]
    with Grader(2) as grader:
        before = grader.grade_many(pairs)
        for worker in grader._workers:
            how(worker.pid)
        assert grader.grade_many(pairs) == before
        assert sum(verdict.correct for verdict in before) == 1
        assert grader.grade_many(pairs) == before


def test_an_answer_over_which_two_workers_are_lost_is_ungraded_and_not_remembered(monkeypatch: pytest.MonkeyPatch):
    right = (GOLD, r"\boxed{\sqrt{0.5}}")
    with Grader(1) as grader:
        receive, losses = process.Worker._receive, [process._Lost(), process._Lost()]

        def lossy(worker: process.Worker, seconds: float) -> Any:
            answer = receive(worker, seconds)
            if isinstance(answer, bool) and losses:
                raise losses.pop()
            return answer

        monkeypatch.setattr(process.Worker, "_receive", lossy)
        assert grader.grade_many([right]) == [Verdict(r"\sqrt{0.5}", False, True)]
        assert grader.grade_many([right]) == [Verdict(r"\sqrt{0.5}", True, False)]


def test_a_worker_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process.sys, "executable", "/bin/false")
    with Grader(1) as grader, pytest.raises(RuntimeError, match="did not start, 3 times"):
        grader.grade_many([(GOLD, "1")])


def test_a_bug_is_an_error_and_the_next_call_works():
    broken = Task("t", "bbh", "", "test", "?", (), None, "number")  # pyright: ignore[reportArgumentType]
    with Grader(1) as grader:
        with pytest.raises(RuntimeError, match="grading failed:\nTraceback"):
            grader.grade_many([(broken, "The answer is 7.")])
        assert grader.grade_many([(GOLD, r"\boxed{\sqrt{0.5}}")])[0].correct


def test_equal_comparisons_are_made_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[object] = []
    ask = process.Worker.ask

    def counted(worker: process.Worker, operation: process.Operation, items: list[Any]) -> list[Any]:
        asked.extend(items if operation == "compare" else [])
        return ask(worker, operation, items)

    monkeypatch.setattr(process.Worker, "ask", counted)
    with Grader(2) as grader:
        grader.grade_many([(GOLD, r"\boxed{\sqrt{0.5}}")] * 50)
        grader.grade_many([(GOLD, r"So the answer is $\sqrt{0.5}$.")])
    assert len(asked) == 1


def test_verdicts_keep_the_order_of_the_pairs_over_two_workers():
    tasks = [Task(str(i), "math", "", "test", "?", (), rf"{i}\sqrt{{2}}", "math") for i in range(1, 9)]
    pairs = [(task, rf"\boxed{{\sqrt{{{2 * i * i}}}}}") for i, task in enumerate(tasks, start=1)]
    pairs[3] = (pairs[3][0], r"\boxed{\sqrt{3}}")
    with Grader(2) as grader:
        assert [verdict.correct for verdict in grader.grade_many(pairs)] == [i != 3 for i in range(8)]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_closed_grader_leaves_no_process(stopped: bool):
    with Grader(2) as grader:
        grader.grade_many([(GOLD, "1")] * 40)
        groups = [worker.pid for worker in grader._workers]
        assert len(groups) == 2
        for group in groups if stopped else ():
            os.kill(child(group), signal.SIGSTOP)
    for group in groups:
        assert_gone(group)


def test_an_interrupted_call_leaves_no_process(monkeypatch: pytest.MonkeyPatch):
    def interrupt(thread: threading.Thread) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    grader = Grader(2)
    grader.grade_many([(GOLD, rf"\boxed{{\sqrt{{{i}}}}}") for i in range(40)])
    groups = [worker.pid for worker in grader._workers]
    monkeypatch.setattr(threading.Thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        grader.grade_many([(GOLD, rf"\boxed{{{i}^{{9^{{9^{{9}}}}}}}}") for i in range(2, 40)])
    assert grader._workers == []
    for group in groups:
        assert_gone(group)


def assert_gone(group: int) -> None:
    """No process of the group is left; whoever adopts a killed one may take a moment to bury it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process group {group} is still there")


def test_grade_compares_mathematics_too():
    assert grade(GOLD, r"\boxed{\sqrt{0.5}}").correct


def test_self_check_names_tasks_that_reject_their_own_gold_answer():
    good = Task("good", "bbh", "", "test", "?", (), "B", "option")
    outside = Task("outside", "mmlu", "", "test", "?", ("x", "y"), "C", "option")
    assert self_check([good, outside, GOLD]) == ["outside"]


def test_a_worker_whose_parent_is_gone_ends_without_a_word():
    command = [sys.executable, "-m", "mlpo_core.grading.worker", "maths", "1", "1", str(2 << 30)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert worker.stdin and worker.stdout and worker.stderr
    worker.stdout.close()  # before it is ready, as when its parent is killed
    worker.stdin.close()
    assert worker.wait(60) == 0
    assert worker.stderr.read() == b""

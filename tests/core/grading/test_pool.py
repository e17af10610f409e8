"""The worker processes: bombs are stopped in time, verdicts survive them, nothing is left behind."""

import os
import time

import pytest

from mlpo_core.grading import Grader, grade, pool, self_check
from mlpo_core.types import Task
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


def cpu_share() -> float:
    """The share of a core that this process gets now: on a crowded machine no clock can be kept to."""
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < 0.05:
        pass
    return 0.05 / (time.monotonic() - wall)


@pytest.fixture(scope="module")
def warm():
    with Grader(1) as grader:
        grader.grade_many([(GOLD, r"\boxed{\frac{\sqrt{2}}{2}}")])
        yield grader


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_wrong_within_the_limit(warm: Grader, bomb: str):
    share = cpu_share()
    start = time.monotonic()
    verdict = warm.grade_many([(GOLD, f"<answer>{bomb}</answer>")])[0]
    elapsed = time.monotonic() - start
    assert not verdict.correct
    assert elapsed < (2.0 if min(share, cpu_share()) > 0.3 else 6.0)
    assert not os.path.exists("/tmp/mlpo-pwned")


@pytest.mark.parametrize("name", TRAPS)
def test_a_megabyte_of_mathematics_is_wrong_within_the_limit(warm: Grader, name: str):
    share = cpu_share()
    start = time.monotonic()
    verdict = warm.grade_many([(GOLD, f"<answer>{TRAPS[name]}</answer>")])[0]
    elapsed = time.monotonic() - start
    assert not verdict.correct
    assert elapsed < (2.0 if min(share, cpu_share()) > 0.3 else 6.0)


def test_the_worker_goes_on_after_bombs(warm: Grader):
    right = (GOLD, r"\boxed{\frac{1}{\sqrt{2}}}")
    verdicts = warm.grade_many([right, (GOLD, r"\boxed{9^{9^{9^{9}}}}"), right, (GOLD, r"\boxed{\sqrt{\frac12}}")])
    assert [verdict.correct for verdict in verdicts] == [True, False, True, True]


def test_a_starved_comparison_counts_as_wrong_and_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    answers: list[bool | None] = [None, True]
    monkeypatch.setattr(pool._Worker, "compare", lambda worker, job: answers.pop(0))
    right = [(GOLD, r"\boxed{\sqrt{0.5}}")]
    with Grader(1) as grader:
        assert not grader.grade_many(right)[0].correct
        assert "1 of 1 comparisons got almost no CPU time" in caplog.text
        assert grader.grade_many(right)[0].correct
        assert grader.grade_many(right)[0].correct


def test_equal_comparisons_are_made_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[object] = []

    def compare(worker: object, job: object) -> bool:
        asked.append(job)
        return True

    monkeypatch.setattr(pool._Worker, "compare", compare)
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


def test_a_closed_grader_leaves_no_process():
    with Grader(2) as grader:
        grader.grade_many([(GOLD, r"\boxed{\sqrt{0.5}}"), (GOLD, r"\boxed{\sqrt{0.7}}")])
        workers = [worker._process for worker in grader._workers]
        assert len(workers) == 2
    assert all(worker.poll() is not None for worker in workers)


def test_grade_compares_mathematics_too():
    assert grade(GOLD, r"\boxed{\sqrt{0.5}}").correct


def test_self_check_names_tasks_that_reject_their_own_gold_answer():
    good = Task("good", "bbh", "", "test", "?", (), "B", "option")
    outside = Task("outside", "mmlu", "", "test", "?", ("x", "y"), "C", "option")
    assert self_check([good, outside, GOLD]) == ["outside"]

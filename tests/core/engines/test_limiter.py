"""An engine's rate, on a clock of the test's own."""

import threading

import pytest

from mlpo_core.engines.limiter import Limiter


class Clock:
    """Passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def starts(limiter: Limiter, clock: Clock, requests: int, tokens: int) -> list[float]:
    found: list[float] = []
    for _ in range(requests):
        limiter.wait(tokens)
        found.append(clock.now - 1000)
    return found


def test_requests_are_spaced_over_a_minute() -> None:
    clock = Clock()
    limiter = Limiter(120, None, clock.sleep, lambda: clock.now)
    assert starts(limiter, clock, 5, 1) == pytest.approx([0, 0.5, 1.0, 1.5, 2.0])


def test_tokens_are_spaced_and_those_not_used_are_given_back() -> None:
    clock = Clock()
    limiter = Limiter(None, 6000, clock.sleep, lambda: clock.now)
    assert starts(limiter, clock, 3, 1000) == pytest.approx([0, 10, 20])
    limiter.settle(1000, 200)
    limiter.wait(1000)
    assert clock.now - 1000 == pytest.approx(22)


def test_all_threads_together_keep_to_it() -> None:
    lock, begun = threading.Lock(), list[float]()

    def sleep(seconds: float) -> None:
        with lock:
            begun.append(seconds)

    limiter = Limiter(60, None, sleep, lambda: 0.0)
    threads = [threading.Thread(target=limiter.wait, args=(1,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == pytest.approx([1, 2, 3, 4, 5, 6, 7])


def test_nobody_asks_while_the_endpoint_wants_to_be_left_alone() -> None:
    clock = Clock()
    limiter = Limiter(None, None, clock.sleep, lambda: clock.now)
    limiter.hold(40)
    assert starts(limiter, clock, 2, 1) == [40, 40]

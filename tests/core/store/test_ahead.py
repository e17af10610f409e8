import threading
import time

import pytest

from mlpo_core.store.ahead import in_order


def test_results_are_in_order_and_so_many_calls_are_under_way() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def call(item: int) -> int:
        meeting.wait()  # nobody comes alone
        time.sleep(0.01 * (item % 2 == 0))
        return 10 * item

    assert list(in_order(call, range(6), at_once=2)) == [0, 10, 20, 30, 40, 50]


def test_one_at_a_time_stays_in_this_thread_and_begins_nothing_ahead() -> None:
    begun: list[tuple[int, int]] = []
    results = in_order(lambda item: begun.append((item, threading.get_ident())), range(3), at_once=1)
    next(results)
    assert begun == [(0, threading.get_ident())]


def test_an_error_comes_in_its_turn() -> None:
    def call(item: int) -> int:
        if item == 1:
            raise ValueError("one")
        return item

    results = in_order(call, range(4), at_once=2)
    assert next(results) == 0
    with pytest.raises(ValueError, match="one"):
        next(results)

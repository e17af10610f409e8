import time

import pytest

from mlpo_core.engines.clock import Clock


def test_no_second_is_charged_twice() -> None:
    clock, began = Clock(), time.monotonic()
    time.sleep(0.03)
    first = clock.charge(began)
    time.sleep(0.02)
    second = clock.charge(began)
    passed = time.monotonic() - began
    assert first >= 0.03
    assert second >= 0.02
    assert first + second == pytest.approx(passed, abs=0.005)
    time.sleep(0.02)
    assert clock.charge(time.monotonic()) < 0.02, "nobody pays for the time in which nothing ran"

"""Engines that are called in turns: who comes first, and together with whom."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.experiment import EngineConfig
from mlpo_core.serving.call import Call
from mlpo_core.serving.turns import Turns
from mlpo_core.types import Request
from tests.core.serving import house

LONG, SHORT = Sampling(0.0, 1.0, 3), Sampling(0.0, 1.0, 2)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(
        EngineConfig(dtype="float32"), house.checkpoint(tmp_path_factory.mktemp("model"), "llama", 0, 32)
    ) as opened:
        yield opened


class Busy:
    """Turns whose engine is held in a call until it is let go; then notes in which order calls end."""

    def __init__(self, engine: Engine) -> None:
        self.turns = Turns()
        self.ended: list[str] = []
        self._engine = engine
        self._go, inside = threading.Event(), threading.Event()

        def hold(_: str) -> None:
            inside.set()
            self._go.wait()

        self.turns.put(engine, Call(Request("a", 0), LONG._replace(max_new_tokens=1), hold))
        inside.wait()

    def put(self, name: str, sampling: Sampling) -> Call:
        call = Call(Request(name, 0), sampling, None)
        call.future.add_done_callback(lambda _: self.ended.append(name))
        self.turns.put(self._engine, call)
        return call

    def go(self) -> None:
        self._go.set()


def test_most_come_first_and_nobody_is_passed_over_for_ever(engine: Engine) -> None:
    busy = Busy(engine)
    calls = [busy.put(name, sampling) for name, sampling in (("x", LONG), ("y", SHORT), ("z", SHORT))]

    def crowd(number: int) -> None:
        """Four of another kind; when they are answered the next four come."""
        sampling = LONG._replace(top_p=0.5 + number / 100)
        four = [busy.put(f"{number}-{n}", sampling) for n in range(4)]
        if number < 12:
            four[-1].future.add_done_callback(lambda _: crowd(number + 1))

    crowd(0)
    busy.go()
    for call in calls:
        call.future.result()
    places = [busy.ended.index(name) for name in ("0-0", "y", "x")]
    assert places == sorted(places) and "12-0" not in busy.ended[: places[-1]], busy.ended
    busy.turns.close()


def test_what_waits_at_the_end_is_cancelled(engine: Engine) -> None:
    busy = Busy(engine)
    calls = [busy.put("x", LONG), busy.put("y", SHORT)]
    closing = threading.Thread(target=busy.turns.close)
    closing.start()
    while not (last := busy.put("z", SHORT)).future.cancelled():  # until the turns have heard that they end
        time.sleep(0.01)
        calls.append(last)
    busy.go()
    closing.join()
    for call in calls:
        with pytest.raises(CancelledError):
            call.future.result()

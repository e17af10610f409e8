"""The thread between several callers and one engine; with vLLM's own engine in `test_vllm`."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from mlpo_core.engines.vllm_calls import Calls


class Engine:
    """Finishes the newest request at every step; waits for `go` before the first."""

    def __init__(self) -> None:
        self.go = Event()
        self.open: dict[str, Any] = {}
        self.most = 0
        self.broken: Exception | None = None
        self.aborted: list[str] = []

    def add_request(self, name: str, prompt: Any, parameters: Any) -> None:
        if prompt is None:
            raise ValueError("no prompt")
        self.open[name] = prompt

    def step(self) -> list[Any]:
        self.go.wait(20)
        self.most = max(self.most, len(self.open))
        if self.broken:
            error, self.broken = self.broken, None
            raise error
        name, prompt = self.open.popitem()
        return [SimpleNamespace(request_id=name, finished=True, text=f"to {prompt}")]

    def abort_request(self, names: list[str]) -> None:
        self.aborted += names
        for name in names:
            self.open.pop(name, None)


@pytest.fixture
def engine() -> Engine:
    return Engine()


def run(calls: Calls, *prompts: Any) -> list[str]:
    return [output.text for output in calls.run(prompts, [None] * len(prompts))]


def test_calls_share_the_engine_and_each_gets_its_own_in_order(engine: Engine) -> None:
    calls = Calls(engine)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(run, calls, "a", "b", "c"), threads.submit(run, calls, "x", "y")
        while len(engine.open) < 1:
            pass
        engine.go.set()
        assert first.result(20) == ["to a", "to b", "to c"]
        assert second.result(20) == ["to x", "to y"]
    assert run(calls, "later") == ["to later"]
    calls.close()


def test_closing_fails_what_is_under_way(engine: Engine) -> None:
    calls = Calls(engine)
    engine.go.set()
    engine.step = lambda: []
    with ThreadPoolExecutor(1) as threads:
        never = threads.submit(run, calls, "a")
        while not engine.open:
            pass
        calls.close()
        with pytest.raises(RuntimeError, match="closed"):
            never.result(20)


def test_a_step_that_fails_fails_what_is_under_way_and_nothing_later(engine: Engine) -> None:
    calls = Calls(engine)
    engine.broken = RuntimeError("out of blocks")
    engine.go.set()
    with pytest.raises(RuntimeError, match="out of blocks"):
        run(calls, "a", "b")
    assert len(engine.aborted) == 2
    assert run(calls, "a") == ["to a"]
    calls.close()


def test_a_request_that_is_refused_fails_its_own_call_alone(engine: Engine) -> None:
    calls = Calls(engine)
    with ThreadPoolExecutor(1) as threads:
        good = threads.submit(run, calls, "a", "b")
        while len(engine.open) < 2:
            pass
        engine.go.set()
        with pytest.raises(ValueError, match="no prompt"):
            run(calls, "x", None)
        assert good.result(20) == ["to a", "to b"]
    calls.close()

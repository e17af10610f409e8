"""The thread between several callers and one engine; with vLLM's own engine in `test_vllm`."""

from collections.abc import Collection
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


class Writing(Engine):
    """Writes a letter of every open request at a step, three in all."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}

    def step(self) -> list[Any]:
        outputs: list[Any] = []
        for name, prompt in list(self.open.items()):
            text = self.texts[name] = self.texts.get(name, "") + prompt
            written = SimpleNamespace(text=text)
            outputs.append(SimpleNamespace(request_id=name, finished=len(text) == 3, outputs=[written]))
            if len(text) == 3:
                del self.open[name]
        return outputs


class Audience:
    """Reads the first request, and leaves what it is told to once it has heard so much."""

    readers: Collection[int] = (0,)

    def __init__(self, leaves: Collection[int] = (), after: int = 1) -> None:
        self.heard: list[tuple[int, str]] = []
        self._leaves = leaves
        self._after = after

    def hear(self, number: int, text: str) -> None:
        self.heard.append((number, text))

    def left(self) -> Collection[int]:
        return self._leaves if len(self.heard) >= self._after else ()


def follow(calls: Calls, audience: Audience, *prompts: str) -> list[str | None]:
    outputs = calls.run(prompts, [None] * len(prompts), audience)
    return [output and output.outputs[0].text for output in outputs]


def test_an_audience_hears_what_it_reads_as_it_grows() -> None:
    calls, audience = Calls(Writing()), Audience()
    assert follow(calls, audience, "a", "b") == ["aaa", "bbb"]
    assert audience.heard == [(0, "a"), (0, "aa")]
    calls.close()


def test_what_nobody_waits_for_ends_where_it_is_and_the_others_go_on() -> None:
    engine = Writing()
    calls, audience = Calls(engine), Audience(leaves=[0])
    assert follow(calls, audience, "a", "b") == ["a", "bbb"]
    assert len(engine.aborted) == 1 and engine.open == {}
    assert follow(calls, Audience(leaves=[0, 1], after=0), "a", "b") == ["a", "b"], "one step, and nobody is there"
    calls.close()


def test_an_audience_that_breaks_fails_its_own_call_alone() -> None:
    calls, audience = Calls(Writing()), Audience()
    audience.hear = lambda number, text: 1 / 0
    with pytest.raises(ZeroDivisionError):
        follow(calls, audience, "a", "b")
    assert follow(calls, Audience(), "c") == ["ccc"]
    calls.close()

"""Lets several threads call one vLLM engine together: its batches stay full where one call ends and the next begins."""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import Any

from mlpo_core.engines.protocol import Audience


@dataclass(eq=False)
class _Call:
    prompts: Sequence[Any]
    parameters: Sequence[Any]
    names: dict[str, int]
    """Those of its requests, with their places."""
    audience: Audience | None
    future: Future[list[Any]] = field(default_factory=Future[list[Any]])
    outputs: dict[int, Any] = field(default_factory=dict[int, Any])
    """The last of every request."""
    ended: set[int] = field(default_factory=set[int])

    def take(self, output: Any) -> None:
        place = self.names[output.request_id]
        self.outputs[place] = output
        if output.finished:
            self.end(place)
        elif self.audience and place in self.audience.readers:
            self.audience.hear(place, output.outputs[0].text)

    def end(self, place: int) -> None:
        self.ended.add(place)
        if len(self.ended) == len(self.names):
            self.future.set_result([self.outputs.get(place) for place in range(len(self.names))])

    def left(self) -> dict[str, int]:
        """The requests that nobody waits for, and that have not ended."""
        gone = set(self.audience.left()) if self.audience else set[int]()
        return {name: place for name, place in self.names.items() if place in gone - self.ended}


class Calls:
    """The thread that alone speaks to an engine: it adds the requests of all calls, steps, and hands results out.

    Args:
        engine: The `llm_engine` of a `vllm.LLM`.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._numbers = count()
        self._arrived: SimpleQueue[_Call | None] = SimpleQueue()
        self._under_way: dict[str, _Call] = {}
        self._thread = Thread(target=self._serve, name="vllm", daemon=True)
        self._thread.start()

    def run(self, prompts: Sequence[Any], parameters: Sequence[Any], audience: Audience | None = None) -> list[Any]:
        """The last `RequestOutput` for each of one or more prompts, in order. A failed step fails all open calls.

        Args:
            prompts: What is completed.
            parameters: How, for each.
            audience: Follows them, where the parameters ask for output at every step. The output of a request that
                nobody waited for any more is not finished; None if there was none yet.
        """
        number = next(self._numbers)
        names = {f"{number}-{place}": place for place in range(len(prompts))}
        call = _Call(prompts, parameters, names, audience)
        self._arrived.put(call)
        return call.future.result()

    def close(self) -> None:
        """End the thread. Calls that are under way fail."""
        self._arrived.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            while not self._under_way or not self._arrived.empty():
                if (call := self._arrived.get()) is None:
                    self._fail(set(self._under_way.values()), RuntimeError("the engine was closed"))
                    return
                self._begin(call)
            try:
                for output in self._engine.step():
                    self._take(output)
                for call in set(self._under_way.values()):
                    self._let_go(call)
            except Exception as error:
                self._fail(set(self._under_way.values()), error)

    def _begin(self, call: _Call) -> None:
        try:
            for name, prompt, parameters in zip(call.names, call.prompts, call.parameters, strict=True):
                self._under_way[name] = call
                self._engine.add_request(name, prompt, parameters)
        except Exception as error:
            self._fail({call}, error)

    def _take(self, output: Any) -> None:
        call = self._under_way.get(output.request_id)
        if call is None:
            return
        if output.finished:
            del self._under_way[output.request_id]
        try:
            call.take(output)
        except Exception as error:  # of the audience
            self._fail({call}, error)

    def _let_go(self, call: _Call) -> None:
        """End what nobody waits for."""
        left = call.left()
        if not left:
            return
        self._engine.abort_request(list(left))
        for name, place in left.items():
            del self._under_way[name]
            call.end(place)

    def _fail(self, calls: set[_Call], error: Exception) -> None:
        names = [name for name, call in self._under_way.items() if call in calls]
        with suppress(Exception):  # an engine that has died has nothing to forget
            self._engine.abort_request(names)
        for name in names:
            del self._under_way[name]
        for call in calls:
            call.future.set_exception(error)

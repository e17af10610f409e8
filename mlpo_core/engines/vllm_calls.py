"""Lets several threads call one vLLM engine together: its batches stay full where one call ends and the next begins."""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import Any


@dataclass(eq=False)
class _Call:
    prompts: Sequence[Any]
    parameters: Sequence[Any]
    names: list[str]
    future: Future[list[Any]] = field(default_factory=Future[list[Any]])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])

    def take(self, output: Any) -> None:
        self.outputs[output.request_id] = output
        if len(self.outputs) == len(self.names):
            self.future.set_result([self.outputs[name] for name in self.names])


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

    def run(self, prompts: Sequence[Any], parameters: Sequence[Any]) -> list[Any]:
        """A finished `RequestOutput` for each of one or more prompts, in order. A failed step fails all open calls."""
        number = next(self._numbers)
        call = _Call(prompts, parameters, [f"{number}-{position}" for position in range(len(prompts))])
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
                outputs = self._engine.step()
            except Exception as error:
                self._fail(set(self._under_way.values()), error)
            else:
                for output in outputs:
                    if output.finished and (call := self._under_way.pop(output.request_id, None)):
                        call.take(output)

    def _begin(self, call: _Call) -> None:
        try:
            for name, prompt, parameters in zip(call.names, call.prompts, call.parameters, strict=True):
                self._under_way[name] = call
                self._engine.add_request(name, prompt, parameters)
        except Exception as error:
            self._fail({call}, error)

    def _fail(self, calls: set[_Call], error: Exception) -> None:
        names = [name for name, call in self._under_way.items() if call in calls]
        with suppress(Exception):  # an engine that has died has nothing to forget
            self._engine.abort_request(names)
        for name in names:
            del self._under_way[name]
        for call in calls:
            call.future.set_exception(error)

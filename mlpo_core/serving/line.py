"""One engine, asked by many at once: what arrives together is generated together."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread

from mlpo_core.engines import Engine, Sampling
from mlpo_core.engines.protocol import Following
from mlpo_core.types import Generation, Request

Hear = Callable[[str], None]
"""Takes all that has been written so far."""


class _Call:
    """A request and whoever waits for it: a listener of the engine (`mlpo_core.engines.protocol`)."""

    def __init__(self, request: Request, sampling: Sampling, hear: Hear | None) -> None:
        self.request = request
        self.sampling = sampling
        self.future: Future[Generation] = Future()
        self._hear = hear

    @property
    def reads(self) -> bool:
        return self._hear is not None

    def hear(self, text: str) -> None:
        if self._hear:
            self._hear(text)

    def gone(self) -> bool:
        return self.future.cancelled()

    def end(self, made: Generation | Exception) -> None:
        """Hand the result out, unless nobody waits for it any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        if isinstance(made, Exception):
            self.future.set_exception(made)
        else:
            self.future.set_result(made)


class Line:
    """Requests to one engine, from any thread.

    A future that is cancelled is not begun, or ends where the engine can end it.

    Args:
        engine: Whom they go to.
        turns: Calls an engine that one thread alone may call; others are called by a thread for each request, and
            form batches themselves.
    """

    def __init__(self, engine: Engine, turns: "Turns") -> None:
        self._engine = engine
        self._waiting: deque[_Call] = deque()
        self._turns = turns if engine.at_once == 1 else None
        if self._turns:
            self._turns.add(self)

    def ask(self, request: Request, sampling: Sampling, hear: Hear | None = None) -> Future[Generation]:
        """The generation, when it is there.

        Args:
            request: What is asked.
            sampling: How it is sampled.
            hear: Follows what is written, from another thread, where the engine can be followed.
        """
        call = _Call(request, sampling, hear)
        if self._turns:
            with self._turns.changed:
                self._waiting.append(call)
                self._turns.changed.notify()
        else:
            Thread(target=self._make, args=([call],), daemon=True).start()
        return call.future

    @property
    def waits(self) -> bool:
        """Whether there is anything to make."""
        return bool(self._waiting)

    def serve(self) -> None:
        """Make all that waits and is sampled like what has waited longest."""
        assert self._turns  # noqa: S101 - narrows a type
        with self._turns.changed:
            taken = [call for call in self._waiting if call.sampling == self._waiting[0].sampling]
            self._waiting = deque(call for call in self._waiting if call not in taken)
        self._make(taken)

    def close(self) -> None:
        """Free the engine. What waits is cancelled."""
        while self._waiting:
            self._waiting.popleft().future.cancel()
        self._engine.close()

    def _make(self, calls: list[_Call]) -> None:
        wanted = [call for call in calls if not call.gone()]
        if not wanted:
            return
        try:
            made = self._generate(wanted)
        except Exception as error:
            if len(wanted) == 1:
                wanted[0].end(error)
                return
            for call in wanted:  # one that cannot be answered must not take the others with it
                self._make([call])
            return
        for call, generation in zip(wanted, made, strict=True):
            call.end(generation)

    def _generate(self, calls: list[_Call]) -> list[Generation]:
        requests, sampling = [call.request for call in calls], calls[0].sampling
        if isinstance(self._engine, Following):
            return self._engine.follow(requests, sampling, calls)
        return self._engine.generate(requests, sampling)


class Turns:
    """The thread that calls all engines of which one thread alone may call, one after the other, in the lines' order.

    They share processor or device anyway. While one generates, what the others will be asked gathers: requests that
    began apart come together.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        """Held while a request is put into a line."""
        self._lines: list[Line] = []
        self._closed = False
        self._thread = Thread(target=self._run, name="engines", daemon=True)
        self._thread.start()

    def add(self, line: Line) -> None:
        """Serve a line too."""
        with self.changed:
            self._lines.append(line)

    def close(self) -> None:
        """End after what is being generated."""
        with self.changed:
            self._closed = True
            self.changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._closed or any(line.waits for line in self._lines))
                lines = list(self._lines)
            for line in lines:
                if self._closed:
                    return
                line.serve()

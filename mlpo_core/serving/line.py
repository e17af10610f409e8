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

    An engine that one thread alone may call gets all that waits, as long as it is sampled alike, in one call; other
    engines form batches themselves. A future that is cancelled is not begun, or ends where the engine can end it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[_Call] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._serve, name="line", daemon=True) if engine.at_once == 1 else None
        if self._thread:
            self._thread.start()

    def ask(self, request: Request, sampling: Sampling, hear: Hear | None = None) -> Future[Generation]:
        """The generation, when it is there.

        Args:
            request: What is asked.
            sampling: How it is sampled.
            hear: Follows what is written, from another thread, where the engine can be followed.
        """
        call = _Call(request, sampling, hear)
        if self._thread is None:
            Thread(target=self._make, args=([call],), daemon=True).start()
            return call.future
        with self._changed:
            if self._closed:
                raise RuntimeError("this line is closed")
            self._waiting.append(call)
            self._changed.notify()
        return call.future

    def close(self) -> None:
        """Free the engine, after what it is generating. What waits is cancelled."""
        with self._changed:
            self._closed = True
            for call in self._waiting:
                call.future.cancel()
            self._waiting.clear()
            self._changed.notify()
        if self._thread:
            self._thread.join()
        self._engine.close()

    def _serve(self) -> None:
        while calls := self._next():
            self._make(calls)

    def _next(self) -> list[_Call]:
        """All that waits and is sampled like what has waited longest; nothing when the line is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            taken = [call for call in self._waiting if call.sampling == self._waiting[0].sampling]
            self._waiting = deque(call for call in self._waiting if call not in taken)
            return taken

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

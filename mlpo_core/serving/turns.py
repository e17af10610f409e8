"""Engines of which one thread alone may call, called in turns: what arrives together is generated together."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Condition, Thread

from mlpo_core.engines import Engine, Sampling
from mlpo_core.serving.call import Call, make

_PAUSE, _LONGEST = 0.05, 0.5
"""Of the time that the last batch took: so long the next one waits for another call that may come, and for all."""
_PATIENCE = 8
"""Batches after which those who were passed over come first."""
_KEPT = 64
"""Groups that are remembered while nobody waits in them: whoever asks chooses the sampling."""


@dataclass
class _Talk:
    """The work on one question."""

    open: int = 0
    """Calls that have not ended. While there are none it is on its way to the next ones."""
    over: bool = False


@dataclass
class _Group:
    """Calls that can be generated together: of one engine, with one sampling."""

    engine: Engine
    waiting: list[Call] = field(default_factory=list[Call])
    last: int = 0
    """How many the last batch had."""
    passed: int = 0
    """Batches of others since somebody waits."""


_talk: ContextVar[_Talk | None] = ContextVar("talk", default=None)
"""That in which a call is made."""


class Turns:
    """The thread that calls the engines, one after the other: they share processor or device anyway.

    The largest batch goes first, so that the small ones grow. Before it goes, talks that are between two calls may
    reach the next one, and as many as last time may come, within a share of what a batch takes: clients that were
    answered at different times come together so, and stay together. With one question at a time nothing waits.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._groups: dict[tuple[int, Sampling], _Group] = {}
        self._moving = 0
        self._arrived = 0
        self._closed = False
        self._thread = Thread(target=self._run, name="engines", daemon=True)
        self._thread.start()

    @contextmanager
    def talk(self) -> Generator[None]:
        """Spans the work on one question, so that its next calls are expected."""
        talk = _Talk()
        before = _talk.set(talk)
        with self._changed:
            self._moving += 1
        try:
            yield
        finally:
            _talk.reset(before)
            with self._changed:
                talk.over = True
                self._moving -= not talk.open
                self._changed.notify()

    def begun(self, call: Call) -> None:
        """Note a call, of whichever engine."""
        if talk := _talk.get():
            with self._changed:
                self._moving -= not talk.open
                talk.open += 1
            call.future.add_done_callback(lambda _: self._ended(talk))

    def put(self, engine: Engine, call: Call) -> None:
        """Have a call made."""
        with self._changed:
            if self._closed:
                call.future.cancel()
                return
            self._groups.setdefault((id(engine), call.sampling), _Group(engine)).waiting.append(call)
            self._arrived += 1
            self._changed.notify()

    def close(self) -> None:
        """End after what is being generated. What waits is cancelled."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for group in self._groups.values():
            for call in group.waiting:
                call.future.cancel()

    def _ended(self, talk: _Talk) -> None:
        with self._changed:
            talk.open -= 1
            self._moving += not talk.open and not talk.over

    def _run(self) -> None:
        took = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next() is not None)
                self._gather(took)
                group = self._next()
                if self._closed or group is None:
                    return
                calls = self._take(group)
            began = time.monotonic()
            make(group.engine, calls)
            took = time.monotonic() - began

    def _gather(self, took: float) -> None:
        """Wait while those who are expected keep coming."""
        ends = time.monotonic() + took * _LONGEST
        while not self._closed and (left := ends - time.monotonic()) > 0:
            before, group = self._arrived, self._next()
            if self._moving:
                self._changed.wait(left)
            elif group and len(group.waiting) < group.last:
                if not self._changed.wait_for(lambda b=before: self._closed or self._arrived > b, took * _PAUSE):
                    return
            else:
                return

    def _next(self) -> _Group | None:
        """The group whose turn it is; None while nobody waits."""
        waiting = [group for group in self._groups.values() if group.waiting]
        return max(waiting, key=lambda g: (g.passed >= _PATIENCE, len(g.waiting)), default=None)

    def _take(self, group: _Group) -> list[Call]:
        calls, group.waiting = group.waiting, []
        group.last, group.passed = len(calls), 0
        others = {key: other for key, other in self._groups.items() if other.waiting}
        for other in others.values():
            other.passed += 1
        if len(self._groups) > _KEPT:
            self._groups = others
        return calls

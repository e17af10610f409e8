"""Requests on their way through an engine, and whoever waits for them."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future

from mlpo_core.engines import Engine, Sampling
from mlpo_core.engines.protocol import Following
from mlpo_core.types import Generation, Request

Hear = Callable[[str], None]
"""Takes all that has been written so far."""


class Call:
    """A request and whoever waits for it.

    Args:
        request: What is asked.
        sampling: How it is sampled.
        hear: Follows what is written, if anybody does.
    """

    def __init__(self, request: Request, sampling: Sampling, hear: Hear | None) -> None:
        self.request = request
        self.sampling = sampling
        self.hear = hear
        self.future: Future[Generation] = Future()

    def end(self, made: Generation | Exception) -> None:
        """Hand the result out, unless nobody waits for it any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        if isinstance(made, Exception):
            self.future.set_exception(made)
        else:
            self.future.set_result(made)


class _Callers:
    """Those who wait for some calls: the audience of one generation (`mlpo_core.engines.protocol`)."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._left: set[int] = set()
        self.readers: Collection[int] = frozenset(n for n, call in enumerate(calls) if call.hear)
        for number, call in enumerate(calls):
            call.future.add_done_callback(lambda _, number=number: self._left.add(number))

    def hear(self, number: int, text: str) -> None:
        if hear := self._calls[number].hear:
            hear(text)

    def left(self) -> Collection[int]:
        return tuple(self._left)


def make(engine: Engine, calls: Sequence[Call]) -> None:
    """Generate what calls with one sampling ask for, together, and hand it out. Never raises."""
    wanted = [call for call in calls if not call.future.cancelled()]
    if not wanted:
        return
    try:
        made = _generate(engine, wanted)
    except Exception as error:
        if len(wanted) == 1:
            wanted[0].end(error)
            return
        for call in wanted:  # one that cannot be answered must not take the others with it
            make(engine, [call])
        return
    for call, generation in zip(wanted, made, strict=True):
        call.end(generation)


def _generate(engine: Engine, calls: Sequence[Call]) -> list[Generation]:
    requests, sampling = [call.request for call in calls], calls[0].sampling
    if isinstance(engine, Following):
        return engine.follow(requests, sampling, _Callers(calls))
    return engine.generate(requests, sampling)

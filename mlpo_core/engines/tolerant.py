"""Generates although some requests make the engine fail: those are recorded with their error, the others are answered.

A call that fails is halved until single requests remain, so a request is blamed only where its neighbours succeed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mlpo_core.engines.protocol import Engine, Sampling
from mlpo_core.errors import BadInput, Transient
from mlpo_core.types import Generation, Request

ATTEMPTS = 3
"""How often a single request is tried."""
_PATIENCE = 32
"""Failures without a success between them after which the engine is broken, and not the requests."""


class Answers(NamedTuple):
    """What an engine wrote.

    Attributes:
        generations: One per request, in order; one that failed has no text and ends with `error`.
        errors: Why, by the request's position.
    """

    generations: list[Generation]
    errors: dict[int, str]


def generate(engine: Engine, requests: Sequence[Request], sampling: Sampling) -> Answers:
    """`Engine.generate`, bearing requests that fail.

    Raises:
        BadInput: As the engine says.
        Transient: As the engine says.
        Exception: The engine's own last error, if nothing succeeded or too much failed in a row.
    """
    work = _Work(engine, requests, sampling)
    work.take(0, len(requests))
    if work.last is not None and len(work.errors) == len(requests):
        raise work.last
    return Answers([work.made[position] for position in range(len(requests))], work.errors)


class _Work:
    def __init__(self, engine: Engine, requests: Sequence[Request], sampling: Sampling) -> None:
        self._engine = engine
        self._requests = requests
        self._sampling = sampling
        self._in_a_row = 0
        self.made: dict[int, Generation] = {}
        self.errors: dict[int, str] = {}
        self.last: Exception | None = None

    def take(self, start: int, stop: int) -> None:
        """Answer the requests from `start` to `stop`."""
        for _ in range(ATTEMPTS if stop - start == 1 else 1):
            try:
                made = self._engine.generate(self._requests[start:stop], self._sampling)
            except (BadInput, Transient):
                raise
            except Exception as error:
                self.last = error
                self._in_a_row += 1
                if self._in_a_row >= _PATIENCE:
                    raise
            else:
                self._in_a_row = 0
                self.made.update(zip(range(start, stop), made, strict=True))
                self.errors.update((at, g.error) for at, g in enumerate(made, start) if g.error)
                return
        if stop - start > 1:
            middle = (start + stop) // 2
            self.take(start, middle)
            self.take(middle, stop)
        else:
            self.made[start] = Generation("", 0, 0, 0, "error", 0.0)
            self.errors[start] = f"{type(self.last).__name__}: {self.last}"

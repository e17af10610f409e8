"""How many requests are worked on at once, and how many may wait: never a queue that grows."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mlpo_core.serving.refusal import Refusal

_LONGEST_S = 60
_SHARE = 0.2
"""Of the latest answer in the average time."""


class Admission:
    """Lets requests in.

    Args:
        at_once: Worked on together.
        waiting: May wait beside them; more are refused.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._places = asyncio.Semaphore(at_once)
        self._inside = 0
        self._running = 0
        self._average_s = 1.0

    @property
    def running(self) -> int:
        """Requests that are worked on."""
        return self._running

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._inside - self._running

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[float]:
        """Spans the work on a request; gives the seconds that it has waited.

        Raises:
            Refusal: As many are inside as may be; says when to come again.
        """
        if self._inside >= self._most:
            seconds = min(_LONGEST_S, max(1, math.ceil(self._average_s * self._inside / self._at_once)))
            raise Refusal(
                f"{self._inside} requests are being answered or wait: try again in {seconds} s",
                429,
                "rate_limit_exceeded",
                retry_after=seconds,
            )
        self._inside += 1
        arrived = time.monotonic()
        try:
            async with self._places:
                began = time.monotonic()
                self._running += 1
                try:
                    yield began - arrived
                finally:
                    self._running -= 1
                self._average_s += _SHARE * (time.monotonic() - began - self._average_s)
        finally:
            self._inside -= 1

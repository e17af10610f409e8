"""How fast an endpoint may be asked, over all threads of an engine."""

import threading
import time
from collections.abc import Callable

_MINUTE_S = 60.0


class Limiter:
    """Spaces requests evenly, so that no minute holds more of them, or of their tokens, than is allowed.

    Args:
        requests: A minute; None for any number.
        tokens: A minute; None for any number.
        sleep: Waits so many seconds.
        now: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        requests: int | None,
        tokens: int | None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_request = _MINUTE_S / requests if requests else 0.0
        self._per_token = _MINUTE_S / tokens if tokens else 0.0
        self._sleep = sleep
        self._now = now
        self._lock = threading.Lock()
        self._next_request = self._next_token = self._held_until = 0.0

    def wait(self, tokens: int) -> None:
        """Wait for the turn of a request.

        Args:
            tokens: That it may take: read and written.
        """
        with self._lock:
            now = self._now()
            start = max(now, self._next_request, self._next_token, self._held_until)
            self._next_request = start + self._per_request
            self._next_token = start + tokens * self._per_token
        if start > now:
            self._sleep(start - now)

    def settle(self, expected: int, used: int) -> None:
        """Give back what a request was expected to take and did not."""
        with self._lock:
            self._next_token -= max(0, expected - used) * self._per_token

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long: the endpoint wants it."""
        with self._lock:
            self._held_until = max(self._held_until, self._now() + seconds)

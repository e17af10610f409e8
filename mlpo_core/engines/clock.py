"""The seconds of calls that overlap."""

import time
from threading import Lock


class Clock:
    """Divides wall time among calls that overlap: no second counts twice."""

    def __init__(self) -> None:
        self._ended = 0.0
        self._lock = Lock()

    def charge(self, started: float) -> float:
        """Seconds of a call that has just ended: since it started, or since the call that ended before it."""
        with self._lock:
            now = time.monotonic()
            seconds = now - max(started, self._ended)
            self._ended = now
            return seconds

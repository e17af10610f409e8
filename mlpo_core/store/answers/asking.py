"""Who asks what at this moment: of processes and threads of one machine that want one answer, one asks for it."""

import fcntl
import os
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_DIGITS = 15
"""Hexadecimal digits of a key that say which byte of the file stands for it."""
_FLOCK = "hhqqi0q"


class Asking:
    """Locks by key, in a file of which a byte stands for each; the kernel frees those of a killed process."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._guard = threading.Lock()
        self._here: dict[str, list[threading.Lock]] = {}

    @contextmanager
    def __call__(self, key: str) -> Generator[None]:
        """Spans asking one request; whoever wants the same waits."""
        with self._guard:
            lock, *_ = users = self._here.setdefault(key, [threading.Lock()])
            users.append(lock)
        try:
            with lock:
                self._elsewhere(key, fcntl.F_WRLCK)
                try:
                    yield
                finally:
                    self._elsewhere(key, fcntl.F_UNLCK)
        finally:
            with self._guard:
                users.pop()
                if len(users) == 1:
                    del self._here[key]

    def close(self) -> None:
        """Nobody asks any more."""
        os.close(self._fd)

    def _elsewhere(self, key: str, kind: int) -> None:
        wait = getattr(fcntl, "F_OFD_SETLKW", None)
        if wait is not None:
            place = int(key[:_DIGITS], 16)
            with suppress(OSError):  # some network disks have no locks: then two processes may ask the same
                fcntl.fcntl(self._fd, wait, struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0))

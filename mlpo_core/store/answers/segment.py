"""A file of lines that one process appends to, and holds as long as it lives.

Room for an answer is taken before it is asked for: a full disk refuses the question, never the answer.
"""

import ctypes
import errno
import fcntl
import os
import re
import sys
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = re.compile(r"[0-9a-f]{32}\.answers")
_STEP = 1 << 20
_KEEP_SIZE = 1
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def new_name() -> str:
    """The name of a segment that nobody else has."""
    return f"{uuid.uuid4().hex}.answers"


class Segment:
    """An open segment; `close` lets others fold it.

    Args:
        folder: Where it is made; is there.

    Raises:
        OSError: The disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._size = self._reserved = self._allocated = 0
        while True:
            self.path = folder / new_name()
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.stat(self.path).st_ino == os.fstat(self._fd).st_ino:
                    break
            os.close(self._fd)  # somebody folded it before it was held

    def reserve(self, size: int) -> None:
        """Take room for so many bytes, to be given back by `release`.

        Raises:
            OSError: There is none.
        """
        with self._lock:
            need = self._size + self._reserved + size
            if need > self._allocated:
                self._allocate(need)
            self._reserved += size

    def release(self, size: int) -> None:
        """Give room back: it is used, or not needed."""
        with self._lock:
            self._reserved -= size

    def append(self, data: bytes) -> None:
        """Write lines, and return when they survive a loss of power.

        Raises:
            OSError: They could not be written; then nothing of them is there.
        """
        with self._lock:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            except OSError:
                os.ftruncate(self._fd, self._size)
                raise
            self._size += len(data)
        os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)

    def close(self) -> None:
        """Give up what is not used; an empty segment goes."""
        if self._size:
            os.ftruncate(self._fd, self._size)  # frees what was allocated beyond its end
        else:
            self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def _allocate(self, need: int) -> None:
        for size in (max(need - self._allocated, _STEP), need - self._allocated):
            code = _fallocate(self._fd, self._allocated, size)
            if code == 0 or code in _UNSUPPORTED:
                self._allocated += size
                return
        raise OSError(code, os.strerror(code), str(self.path))


@contextmanager
def idle(path: Path) -> Generator[bool]:
    """Whether nobody appends to a segment; nobody begins to as long as this spans."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def _fallocate(fd: int, offset: int, size: int) -> int:
    """Allocate blocks beyond a file's end without making it longer; an error number, 0 for none."""
    if sys.platform != "linux":
        return errno.ENOSYS
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.fallocate64(fd, _KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(size))
    return ctypes.get_errno() if done else 0

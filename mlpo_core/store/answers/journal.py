"""What one process adds: lines of many threads, written together where they arrive together."""

import threading
from dataclasses import dataclass, field

from mlpo_core.store.answers.segment import Segment
from mlpo_core.store.answers.shelf import Shelf
from mlpo_core.store.failures import explained


@dataclass
class _Batch:
    lines: list[bytes] = field(default_factory=list[bytes])
    done: bool = False
    error: BaseException | None = None


class Journal:
    """Appends to a segment of its own, which it makes when it is first needed.

    Every method raises `BadInput` or `Transient` where the disk or the object store refuses.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._segment: Segment | None = None
        self._opening = threading.Lock()
        self._changed = threading.Condition()
        self._next = _Batch()
        self._writing = False
        self._sent: list[str] = []

    def reserve(self, size: int) -> None:
        """Take room for an answer, before it is asked for."""
        with explained(self._shelf.url):
            self._own().reserve(size)

    def release(self, size: int) -> None:
        """Give room back."""
        self._own().release(size)

    def add(self, line: bytes) -> None:
        """Write a line; it is there for good when this returns."""
        with self._changed:
            batch = self._next
            batch.lines.append(line)
            self._changed.wait_for(lambda: batch.done or not self._writing)
            if not batch.done:
                self._next, self._writing = _Batch(), True
        if not batch.done:
            self._write(batch)
        if batch.error:
            raise batch.error

    def close(self) -> None:
        """Leave the segment to others; the next line gets a new one."""
        segment, self._segment = self._segment, None
        sent, self._sent = self._sent, []
        if segment:
            with explained(self._shelf.url):
                segment.close()
                self._shelf.finish([segment.path], sent)

    def _write(self, batch: _Batch) -> None:
        data = b"".join(batch.lines)
        try:
            with explained(self._shelf.url):
                self._own().append(data)
                if name := self._shelf.send(data):
                    self._sent.append(name)
        except BaseException as error:
            batch.error = error
        with self._changed:
            batch.done, self._writing = True, False
            self._changed.notify_all()

    def _own(self) -> Segment:
        with self._opening:
            if self._segment is None:
                self._segment = Segment(self._shelf.home)
            return self._segment

"""Where the segments of a root stand: in its folder `answers`, or, of a remote root, there and copied to this machine.

On a remote root every group of lines is an object of its own before it counts as kept, and first a line of a segment on
this machine: what a killed process could not send, the next one here sends.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mlpo_core.errors import BadInput, Transient
from mlpo_core.store import disk
from mlpo_core.store.answers.lines import NO_KEY, Line, left_of, parsed, whole
from mlpo_core.store.answers.segment import NAME, idle, new_name
from mlpo_core.store.failures import explained
from mlpo_core.store.files import Folder
from mlpo_core.store.scratch import cache

MANY = 32
"""Segments that nobody appends to, from which on they are folded into one."""
_SMALL = 16 << 20
"""Bytes; larger segments stay as they are."""


class Shelf:
    """The segments of one root.

    Args:
        folder: `answers` of the root.
    """

    def __init__(self, folder: Folder) -> None:
        self.url = folder.url
        self._remote = None if folder.is_local else folder
        name = hashlib.sha256(folder.url.encode()).hexdigest()[:16]
        self.home = Path(folder.path()) if folder.is_local else cache() / "answers" / name
        """Where this machine appends."""
        self._copies = self.home / "copies"
        self.folders = [self.home] if folder.is_local else [self.home, self._copies]
        """Where all lines stand, after `sync`."""

    def prepare(self) -> None:
        """Make the folders, send and fetch what has to be, and fold what has become many. Raises as `Folder` does."""
        with explained(self.url):
            self.folders[-1].mkdir(parents=True, exist_ok=True)
            if self._remote:
                self.finish(self._own())
            self.sync()
        with suppress(OSError, BadInput, Transient):  # a full disk, say: what is many is only slower
            self.fold()

    def fetch(self) -> None:
        """Copy a remote root's objects here, to be read."""
        if self._remote:
            with explained(self.url):
                self._copies.mkdir(parents=True, exist_ok=True)
                self.sync()

    def sync(self) -> None:
        """Copy the objects of a remote root that are not here, and forget those that are gone."""
        if self._remote is None:
            return
        while True:
            there = {name for name in self._remote.names() if NAME.fullmatch(name)}
            here = {path.name for path in self._copies.iterdir() if NAME.fullmatch(path.name)}
            try:
                for name in there - here:
                    unfinished = Path(disk.beside(str(self._copies / name)))
                    self._remote.download(name, unfinished)
                    os.replace(unfinished, self._copies / name)
            except FileNotFoundError:  # folded by another machine
                continue
            for name in here - there:
                (self._copies / name).unlink(missing_ok=True)
            return

    def send(self, data: bytes) -> str:
        """Keep lines on a remote root, and return the object's name; on a disk they are kept already."""
        if self._remote is None:
            return ""
        name = new_name()
        self._remote.create(name, data)
        return name

    def finish(self, paths: Iterable[Path], sent: Sequence[str] = ()) -> None:
        """Make one object of each segment that this machine has closed.

        Args:
            paths: Segments in `home`; those that are in use, or gone, are passed over.
            sent: Objects that hold the same lines.
        """
        if self._remote is None:
            return
        for path in paths:
            with idle(path) as free:
                if free:
                    self._remote.create(path.name, path.read_bytes())
                    os.replace(path, self._copies / path.name)
        self._forget(sent)

    def fold(self) -> None:
        """Make one segment of many small ones that nobody appends to."""
        with self._alone() as alone:
            small = [path for path in self._settled() if path.stat().st_size < _SMALL] if alone else []
            if len(small) >= MANY:
                self._replace(small, lambda _: True)

    def prune(self, keeps: Callable[[Line], bool]) -> int:
        """Delete the answers that `keeps` does not keep; what they cost stays known.

        Returns:
            How many segments were passed over, because a process appends to them.
        """
        with self._alone(wait=True):
            settled = self._settled()
            for path in settled:
                if any(line.key != NO_KEY and not keeps(line) for line in _lines(path)):
                    self._replace([path], keeps)
        return len(self._own()) - len([path for path in settled if path.parent == self.home])

    def _replace(self, paths: Sequence[Path], keeps: Callable[[Line], bool]) -> None:
        """Write one segment with what is kept of some, then delete those; killed between, both hold the same."""
        with explained(self.url), ExitStack() as stack:
            held = [path for path in paths if stack.enter_context(idle(path))]
            data = b"".join(_unique(held, keeps))
            name = new_name()
            if data and self._remote:
                self._remote.create(name, data)
            elif data:
                disk.create(str(self.home / name), data)
            for path in held:
                if self._remote:
                    self._forget([path.name])
                path.unlink(missing_ok=True)
        self.sync()

    def _forget(self, names: Iterable[str]) -> None:
        for name in names if self._remote else ():
            with suppress(FileNotFoundError):
                self._remote.remove(name) if self._remote else None

    def _own(self) -> list[Path]:
        return sorted(path for path in self.home.iterdir() if NAME.fullmatch(path.name)) if self.home.is_dir() else []

    def _settled(self) -> list[Path]:
        """The segments that nobody appends to."""
        if self._remote:
            return sorted(path for path in self._copies.iterdir() if NAME.fullmatch(path.name))
        found: list[Path] = []
        for path in self._own():
            with idle(path) as free:
                found += [path] if free else []
        return found

    @contextmanager
    def _alone(self, wait: bool = False) -> Generator[bool]:
        """Whether no other process of this machine folds or prunes."""
        with (self.home / "folding").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True


def _lines(path: Path) -> Generator[Line]:
    for _, raw in whole(path.read_bytes()):
        if line := parsed(raw):
            yield line


def _unique(paths: Sequence[Path], keeps: Callable[[Line], bool]) -> Generator[bytes]:
    """The records of segments, as they were written; of an answer that goes, what it cost."""
    seen: set[str] = set()
    for path in paths:
        for _, raw in whole(path.read_bytes()):
            line = parsed(raw)
            if line and line.check not in seen:
                seen.add(line.check)
                yield raw + b"\n" if line.key == NO_KEY or keeps(line) else left_of(line)

"""What the segments of a folder hold: where each answer stands, and what everybody has spent."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mlpo_core.store.answers.lines import NO_KEY, Line, parsed, whole
from mlpo_core.store.answers.segment import NAME


class _Place(NamedTuple):
    path: Path
    start: int
    length: int


class Index:
    """Follows the segments of some folders, also while others append to them.

    Args:
        folders: May be absent.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._clear()

    def refresh(self) -> None:
        """Read what has come since the last time."""
        with self._lock:
            self._refresh()

    def find(self, key: str) -> Line | None:
        """The line of a request, if it is there."""
        with self._lock:
            place = self._places.get(key)
            for _ in range(2 if place else 0):
                if place and (line := _read(place)):
                    return line
                self._clear()  # folded meanwhile
                self._refresh()
                place = self._places.get(key)
        return None

    def spent(self, payer: str) -> float:
        """Dollars that an experiment has spent."""
        with self._lock:
            return self._spent.get(payer, 0.0)

    def _clear(self) -> None:
        self._places: dict[str, _Place] = {}
        self._seen: set[str] = set()
        self._spent: dict[str, float] = {}
        self._ends: dict[Path, int] = {}

    def _refresh(self) -> None:
        there = dict(_segments(self._folders))
        if not self._ends.keys() <= there.keys():
            self._clear()
        for path, size in there.items():
            end = self._ends.get(path, 0)
            if size > end:
                try:
                    with path.open("rb") as file:
                        file.seek(end)
                        data = file.read()
                except FileNotFoundError:  # folded: what it held stands in a new one
                    self._clear()
                    return self._refresh()
                self._ends[path] = end + data.rfind(b"\n") + 1
                for start, raw in whole(data):
                    if line := parsed(raw):
                        self._enter(line, _Place(path, end + start, len(raw)))
        return None

    def _enter(self, line: Line, place: _Place) -> None:
        original = str(line.fields().get("of", "")) if line.key == NO_KEY else ""
        if line.check in self._seen or original in self._seen:
            return
        self._seen |= {line.check, original} - {""}
        self._spent[line.payer] = self._spent.get(line.payer, 0.0) + line.dollars
        if line.key != NO_KEY:
            self._places.setdefault(line.key, place)


def records(folders: Sequence[Path]) -> Iterator[Line]:
    """Every record once, what is left of deleted ones last."""
    seen: set[str] = set()
    left: list[tuple[str, Line]] = []
    for path, _ in _segments(folders):
        for _, raw in whole(path.read_bytes()):
            if (line := parsed(raw)) and line.check not in seen:
                seen.add(line.check)
                if line.key == NO_KEY and (original := str(line.fields().get("of", ""))):
                    left.append((original, line))
                else:
                    yield line
    yield from (line for original, line in left if original not in seen)


def _segments(folders: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if NAME.fullmatch(path.name):
                    try:
                        yield path, path.stat().st_size
                    except FileNotFoundError:
                        continue


def _read(place: _Place) -> Line | None:
    try:
        with place.path.open("rb") as file:
            file.seek(place.start)
            return parsed(file.read(place.length))
    except FileNotFoundError:
        return None

"""JSON read piece by piece, so that memory does not grow with a file."""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.tasks.rows import malformed

_CHUNK = 1 << 20
LARGEST = 64 << 20
"""Characters of one element, or bytes of one line, at most."""
_SPACE = " \t\r\n"


class Found(NamedTuple):
    """A piece of JSON and where it stands."""

    where: str
    value: Any


def lines(file: IO[bytes], name: str) -> Iterator[Found]:
    """One JSON object a line; empty lines are passed over.

    Raises:
        BadInput: A line is too long, no UTF-8, no JSON or no object; names file and line.
    """
    for number in range(1, 1 << 62):
        line = file.readline(LARGEST + 1)
        if not line:
            return
        where = f"{name}, line {number}"
        if len(line) > LARGEST:
            raise malformed(where, f"longer than {LARGEST >> 20} MiB")
        if not line.strip():
            continue
        value = parsed(line, where)
        if not isinstance(value, dict):
            raise malformed(where, f"expected an object, got {type(value).__name__}")
        yield Found(where, value)


def parsed(data: bytes, where: str) -> Any:
    """Bytes as JSON.

    Raises:
        BadInput: They are none; says where.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({error}). Is the file truncated?") from error


def elements(file: IO[bytes], name: str) -> Iterator[Found]:
    """The elements of a file that is one JSON list.

    Raises:
        BadInput: It is no list, or broken; names file and line.
    """
    buffer = _Buffer(file, name)
    if buffer.next() != "[":
        raise malformed(buffer.where, "expected a list")
    buffer.take()
    if buffer.next() == "]":
        return
    while True:
        yield buffer.element()
        mark = buffer.next()
        if mark not in (",", "]"):
            raise malformed(buffer.where, f"expected ',' or ']', got {mark!r}")
        buffer.take()
        if mark == "]":
            return


class _Buffer:
    """The unread part of a file, a little ahead."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._line, self._ended = "", 0, 1, False

    @property
    def where(self) -> str:
        """The line that is read next."""
        return f"{self._name}, line {self._line}"

    def next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text):
                if (char := self._text[self._at]) not in _SPACE:
                    return char
                self._line += char == "\n"
                self._at += 1
            if not self._more():
                return ""

    def take(self) -> None:
        """Pass over the character that `next` gave."""
        self._at += 1

    def element(self) -> Found:
        """The next value."""
        self.next()
        where, decoder = self.where, json.JSONDecoder()
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
                # A number may go on in the next piece.
                if end < len(self._text) or not self._more():
                    break
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > LARGEST:
                    raise malformed(where, f"not JSON, or longer than {LARGEST >> 20} MiB") from error
                if isinstance(error, RecursionError) or not self._more():
                    raise BadInput(f"{where}: not JSON ({error}). Is the file truncated?") from error
        self._line += self._text.count("\n", self._at, end)
        self._at = end
        return Found(where, value)

    def _more(self) -> bool:
        """Read on, as much again as is waiting, so that a long element is not parsed too often."""
        if self._ended:
            return False
        waiting = self._text[self._at :]
        data = self._file.read(max(_CHUNK, len(waiting)))
        try:
            more = self._decode.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise BadInput(f"{self._name}: not UTF-8 text ({error.reason}). Is it the right file?") from error
        self._text, self._at, self._ended = waiting + more, 0, not data
        return not self._ended

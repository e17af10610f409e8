"""Divides what a leader writes into what it thinks and what it answers, also while it is being written."""

from collections.abc import Sequence
from typing import NamedTuple

_OPEN, _CLOSE = "<think>", "</think>"


class Parts(NamedTuple):
    """`reasoning` is what stands between `<think>` and `</think>`, `content` all after it."""

    reasoning: str
    content: str


def split(text: str, stop: Sequence[str] = (), finished: bool = True) -> Parts:
    """The parts of a text.

    Args:
        text: What has been written.
        stop: The content ends before the first of these.
        finished: Whether no more will follow; else what may become a tag or a stop is kept back.
    """
    body = text.lstrip()
    if body.startswith(_OPEN):
        reasoning, closed, content = body[len(_OPEN) :].partition(_CLOSE)
        if not closed:
            return Parts(reasoning if finished else _surely(reasoning, (_CLOSE,)), "")
        return Parts(reasoning, _stopped(content, stop, finished))
    if not finished and _OPEN.startswith(body):
        return Parts("", "")
    return Parts("", _stopped(text, stop, finished))


def _stopped(content: str, stop: Sequence[str], finished: bool) -> str:
    places = [place for text in stop if (place := content.find(text)) >= 0]
    if places:
        return content[: min(places)]
    return content if finished else _surely(content, stop)


def _surely(text: str, marks: Sequence[str]) -> str:
    """A text without an end that may be the beginning of a mark."""
    held = max((n for mark in marks for n in range(1, len(mark)) if text.endswith(mark[:n])), default=0)
    return text[: len(text) - held]

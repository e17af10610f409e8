"""Reads what an OpenAI-compatible endpoint sends, which may be anything: within limits, as far as it can be used."""

import json
import zlib
from typing import Any, NamedTuple, cast

import httpx

from mlpo_core.messages import presentable
from mlpo_core.types import Generation

FILTERED = "withheld by a content filter: "
"""Begins the error of an answer that a filter kept back."""
_MOST_BYTES = 16 * 2**20
"""Of a body, as it is sent and as it is when unpacked."""
_MOST_TOKENS = 2**31 - 1


class NoAnswer(Exception):
    """This response is no answer to its request; another request may still be answered.

    Attributes:
        tokens: Read and written for it, as far as the response says.
    """

    def __init__(self, reason: str, tokens: tuple[int, int] = (0, 0)) -> None:
        super().__init__(reason)
        self.tokens = tokens


class Answered(NamedTuple):
    """An answer, and what is no part of its text.

    Attributes:
        generation: The answer.
        reasoning: What the endpoint gave beside it as its reasoning.
        reason: Why it ended, as the endpoint says.
    """

    generation: Generation
    reasoning: str
    reason: Any


class Reply(NamedTuple):
    """A response that was read to its end.

    Attributes:
        status: HTTP status.
        text: Its body.
    """

    status: int
    text: str

    @property
    def shown(self) -> str:
        """The beginning of the body, on one line, as it may stand in a message."""
        return presentable(" ".join(self.text[:2000].split()))[:300]


def read(response: httpx.Response) -> Reply:
    """The body of a response that is being streamed.

    Raises:
        NoAnswer: It is too large, or packed in a way that nobody asked for.
        httpx.TransportError: It breaks off, or is not complete in time.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise NoAnswer(f"HTTP {response.status_code}: a body packed as {encoding!r:.40}")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    sent, body = 0, bytearray()
    for chunk in response.iter_raw():
        sent += len(chunk)
        try:
            body += unpack.decompress(chunk, _MOST_BYTES + 1 - len(body)) if unpack else chunk
        except zlib.error as error:
            raise NoAnswer(f"HTTP {response.status_code}: a body that cannot be unpacked ({error})") from error
        if max(sent, len(body)) > _MOST_BYTES:
            raise NoAnswer(f"HTTP {response.status_code}: a body larger than {_MOST_BYTES // 2**20} MiB")
    return Reply(response.status_code, body.decode("utf-8", "replace"))


def answered(reply: Reply, prompt: str, limit: int) -> Answered:
    """The answer that a response holds. Usage that is absent or cannot be true is estimated from the text.

    Args:
        reply: A successful response.
        prompt: What was asked.
        limit: Most tokens that were asked for.

    Raises:
        NoAnswer: It holds no text; says what it holds.
    """
    answer = _parsed(reply)
    usage = _mapping(answer.get("usage"))
    tokens = tuple(_count(usage.get(f"{part}_tokens"), _MOST_TOKENS, 0) for part in ("prompt", "completion"))
    paid = (tokens[0], tokens[1])
    if error := answer.get("error"):
        withheld = FILTERED if "content_filter" in json.dumps(error) else ""
        raise NoAnswer(f"{withheld}an error: {reply.shown}", paid)
    choices = answer.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    if not isinstance(choice.get("message"), dict):
        raise NoAnswer(f"not an OpenAI chat completion: {reply.shown!r}. Check engine.base_url.", paid)
    message, reason = _mapping(choice["message"]), choice.get("finish_reason")
    text = _text(message.get("content"))
    if reason == "content_filter":
        raise NoAnswer(f"{FILTERED}{reply.shown}", paid)
    if text is None and reason != "length":
        raise NoAnswer(f"no text, but {reply.shown}", paid)
    text = (text or "").encode("utf-8", "replace").decode()
    details = _mapping(usage.get("prompt_tokens_details"))
    shown = _count(usage.get("prompt_tokens"), _MOST_TOKENS, _estimate(prompt))
    made = Generation(
        text=text,
        prompt_tokens=shown,
        cached_prompt_tokens=_count(details.get("cached_tokens"), shown, 0),
        completion_tokens=_count(usage.get("completion_tokens"), _MOST_TOKENS, min(limit, _estimate(text))),
        finish_reason=reason if reason in ("stop", "length") else "error",
        amortised_s=0.0,
    )
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning")) or ""
    return Answered(made, thought.encode("utf-8", "replace").decode(), reason)


def _parsed(reply: Reply) -> dict[str, Any]:
    try:
        answer = json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        raise NoAnswer(f"not an OpenAI chat completion ({type(error).__name__}): {reply.shown!r}") from error
    return _mapping(answer)


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(content: Any) -> str | None:
    """The text of a message: as it stands, or in parts. None when there is none."""
    if isinstance(content, list):
        parts = [_mapping(part).get("text") for part in cast("list[Any]", content)]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts else None
    return content if isinstance(content, str) else None


def _count(value: Any, most: int, otherwise: int) -> int:
    """A number of tokens as an endpoint gives it, or another where that is none that can be."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else otherwise


def _estimate(text: str) -> int:
    return len(text.encode()) // 3 + 1

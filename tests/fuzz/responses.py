"""Any bytes as what an endpoint sends, headers and all: an answer, a row with its error, or a refusal."""

import gzip
import json
import os
from contextlib import ExitStack
from pathlib import Path

from mlpo_core.engines.openai import OpenAIEngine
from mlpo_core.engines.protocol import Sampling
from mlpo_core.experiment import EngineConfig
from mlpo_core.types import Request
from tests.fuzz.target import REFUSED, Target, mutated
from tests.hostile_http import response, running, sending

_KEY = "sk-fuzzed-0123456789"
_PIECES = (
    *(b"\r\n", b"\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 429 x\r\n"),
    *(b" 400 ", b" 503 "),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"ffffffffffff\r\n"),
    b"0\r\n\r\n",
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Retry-After: nan\r\n", b"Retry-After: 1e999\r\n"),
    *(b"Location: http://127.0.0.1:1/\r\n", b"\x1f\x8b\x08", b"\x00", b"\xff", b"\x1b[2J", b"{", b"}", b"[", b"]"),
    *(b",", b":"),
    *(b'"error"', b'"choices"', b'"message"', b'"content"', b'"usage"', b"null", b"true", b"-1", b"1e999", b"NaN"),
    b"9" * 5000,
    *(b"[" * 5000, b'{"a":' * 5000, b"\\ud800", b'"content_filter"', b'"finish_reason"', b'"text"', _KEY.encode()),
)  # fmt: skip


def prepare(folder: Path) -> Target:
    """A server that sends what it is told, and an engine that asks it. The folder stays empty."""
    os.environ["OPENAI_API_KEY"] = _KEY
    server = ExitStack().enter_context(running(sending(b"")))
    config = EngineConfig(kind="openai", base_url=server.url, concurrency=1)
    engine = OpenAIEngine(config, "m", sleep=_finite)

    def check(data: bytes) -> None:
        server.behave = sending(data)
        engine._served, engine._odd = False, 0  # every input meets an engine that knows nothing yet
        try:
            [found] = engine.generate([Request("What is it?", 1)], Sampling(0.7, 0.9, 5))
        except REFUSED as error:
            assert str(error).isprintable() and _KEY not in str(error)
            return
        assert found.text.encode() is not None and not found.error
        assert found.finish_reason in ("stop", "length", "error")
        assert 0 <= found.cached_prompt_tokens <= found.prompt_tokens < 2**31 and 0 <= found.completion_tokens < 2**31

    return Target(mutated(_seeds(), _PIECES), check)


def _finite(seconds: float) -> None:
    assert 0 <= seconds <= 3600


def _seeds() -> list[bytes]:
    choice = {"message": {"role": "assistant", "content": "It is <answer>4</answer>"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}
    parts = {"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}
    answers = [
        {"choices": [choice], "usage": usage},
        {"choices": [parts], "usage": None},
        {"error": {"message": "overloaded", "code": 503}},
        {"choices": [{**choice, "finish_reason": "content_filter"}]},
    ]
    bodies = [json.dumps(answer).encode() for answer in answers]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(b), b) for b in (bodies[0][:50], bodies[0][50:])) + b"0\r\n\r\n"
    return [
        *(response(body, "Content-Type: application/json") for body in bodies),
        response(gzip.compress(bodies[0]), "Content-Encoding: gzip"),
        response(b"", "Transfer-Encoding: chunked", length=False) + chunked,
        response(bodies[2], "Retry-After: 2", status="429 Too Many Requests"),
        response(bodies[2], status="400 Bad Request"),
    ]

"""The OpenAI-compatible engine against a server that means harm: memory and time stay bounded."""

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from mlpo_core.engines.openai import OpenAIEngine
from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.types import Generation, Request
from tests.hostile_http import Behaviour, response, running, sending

MOST_MEMORY = 600 * 2**20
"""Above what the process had; the bombs here hold gigabytes."""
GOOD = json.dumps(
    {
        "choices": [{"message": {"content": "well"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
).encode()


def bomb(gigabytes: int) -> bytes:
    """The beginning of a gzip stream that holds this much: its end never matters."""
    pack = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = bytes(2**24)
    head, block = (pack.compress(zeros) + pack.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return head + block * (gigabytes * 64)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Watches the resident set of this process: its peak, which a sample now and then would miss."""
    process, over, peak = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert peak[0] - before < MOST_MEMORY


def asked(behave: Behaviour, requests: int = 1) -> list[Generation]:
    """What the engine makes of a server that does this to the first request and answers the others."""
    first = threading.Lock()

    def once(connection: socket.socket) -> None:
        (behave if first.acquire(blocking=False) else sending(response(GOOD)))(connection)

    with running(once) as server:
        config = EngineConfig(kind="openai", base_url=server.url, concurrency=4)
        with OpenAIEngine(config, "some-model", sleep=lambda _: None) as engine:
            return engine.generate([Request(f"q{i}", i) for i in range(requests)], Sampling(0.7, 0.9, 5))


def only_error(found: list[Generation]) -> str:
    [error] = [g.error for g in found if g.error]
    assert [g.text for g in found if not g.error] == ["well"] * (len(found) - 1)
    return error


def test_a_gzip_bomb_is_a_row_and_takes_no_memory() -> None:
    data = bomb(3)
    assert len(data) < 4 * 2**20
    with bounded_memory():
        error = only_error(asked(sending(response(data, "Content-Encoding: gzip")), 5))
    assert error == "HTTP 200: a body larger than 16 MiB"


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip"])
def test_a_body_packed_as_nobody_asked_for_is_a_row(encoding: str) -> None:
    with bounded_memory():
        error = only_error(asked(sending(response(zlib.compress(bytes(2**26)), f"Content-Encoding: {encoding}")), 5))
    assert error == f"HTTP 200: a body packed as {encoding!r}"


def test_gzip_that_breaks_off_or_is_none_is_a_row() -> None:
    for data in (gzip.compress(GOOD)[:-12], b"nothing of the kind"):
        error = only_error(asked(sending(response(data, "Content-Encoding: gzip")), 3))
        assert "cannot be unpacked" in error or "not an OpenAI chat completion" in error


def test_a_chunked_body_without_an_end_is_a_row() -> None:
    sent = [0]

    def endless(connection: socket.socket) -> None:
        connection.sendall(response(b"", "Transfer-Encoding: chunked", length=False))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        while True:
            connection.sendall(chunk)
            sent[0] += 65536

    with bounded_memory():
        error = only_error(asked(endless, 3))
    assert error == "HTTP 200: a body larger than 16 MiB"
    assert sent[0] < 64 * 2**20, "the rest was not waited for"


def test_many_bodies_of_nested_lists_are_taken_apart_one_at_a_time() -> None:
    body = b"[" + b"[]," * (5 * 2**20) + b"[]]"
    with running(sending(response(body))) as server, bounded_memory():
        config = EngineConfig(kind="openai", base_url=server.url, concurrency=4)
        with (
            OpenAIEngine(config, "m", sleep=lambda _: None) as engine,
            pytest.raises(BadInput, match=r"answered none of 2 requests.*not an OpenAI chat completion"),
        ):
            engine.generate([Request("q", i) for i in range(2)], Sampling(0.7, 0.9, 5))


@pytest.mark.parametrize("where", ["status", "header", "body"])
def test_a_server_that_drips_is_given_up_at_the_deadline(where: str) -> None:
    begun = {"status": b"", "header": b"HTTP/1.1 200 OK\r\nX-Slow: ", "body": response(b"", length=False)}[where]
    drop = b"HTTP/1.1 100 Continue\r\n\r\n" if where == "status" else b" "

    def drip(connection: socket.socket) -> None:
        connection.sendall(begun)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    with running(drip) as server:
        config = EngineConfig(kind="openai", base_url=server.url, timeout_s=0.4, retries=1)
        with (
            OpenAIEngine(config, "m", sleep=lambda _: None) as engine,
            pytest.raises(Transient, match=r"2 attempts.*not complete in time|2 attempts.*timed out"),
        ):
            engine.generate([Request("q", 1)], Sampling(0.7, 0.9, 5))


@pytest.mark.parametrize("by", [-5, 5])
def test_a_wrong_length_is_asked_again_or_a_row(by: int) -> None:
    data = response(GOOD, f"Content-Length: {len(GOOD) + by}", length=False)
    found = asked(sending(data), 3)
    assert [g.text for g in found if not g.error] == ["well"] * (3 if by > 0 else 2)


@pytest.mark.parametrize("header", [f"X-Huge: {'x' * 2**20}", "\r\n".join(f"X-{i}: y" for i in range(100_000))])
def test_huge_headers_are_asked_again(header: str) -> None:
    with bounded_memory():
        found = asked(sending(response(GOOD, header)), 3)
    assert [g.text for g in found] == ["well"] * 3


def test_a_redirect_is_not_followed_and_the_key_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    with running(sending(response(GOOD))) as elsewhere:
        away = response(b"", f"Location: {elsewhere.url}", status="307 Temporary Redirect")
        with pytest.raises(BadInput, match=r"HTTP 307.*Redirects are not followed"):
            asked(sending(away))
        assert elsewhere.asked == 0


@pytest.mark.parametrize("status", ["413 Content Too Large", "451 Unavailable For Legal Reasons"])
def test_a_refusal_of_this_request_is_a_row(status: str) -> None:
    assert only_error(asked(sending(response(b"no", status=status)), 3)).startswith(f"HTTP {status[:3]}: no")


def test_a_proxy_of_the_environment_is_still_used_and_bound_by_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(sending(response(GOOD))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "")
        config = EngineConfig(kind="openai", base_url="http://nowhere.invalid/v1")
        with OpenAIEngine(config, "m", sleep=lambda _: None) as engine:
            assert engine.generate([Request("q", 1)], Sampling(0.7, 0.9, 5))[0].text == "well"
        proxy.behave = lambda _: time.sleep(30)
        hasty = EngineConfig(kind="openai", base_url="http://nowhere.invalid/v1", timeout_s=0.2, retries=0)
        with (
            OpenAIEngine(hasty, "m", sleep=lambda _: None) as engine,
            pytest.raises(Transient, match=r"timed out|not complete in time"),
        ):
            engine.generate([Request("q", 1)], Sampling(0.7, 0.9, 5))

"""The OpenAI-compatible engine against a server on loopback that fails on purpose."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from mlpo_core.engines.openai import OpenAIEngine
from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.tolerant import generate
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.types import Request
from tests.support import free_port

SAMPLING = Sampling(0.7, 0.9, 5)
KEY = "sk-secret-123"


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]


class Server(NamedTuple):
    url: str
    seen: list[dict[str, Any]]
    headers: list[dict[str, str]]
    script: list[Callable[[dict[str, Any]], Answer]]
    """Answers of the next requests; when they are used up the server echoes."""


def echo(body: dict[str, Any]) -> Answer:
    text = body["messages"][0]["content"]
    choice = {"message": {"content": f"echo {text}"}, "finish_reason": "length"}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    return Answer(200, {"choices": [choice], "usage": usage}, {})


def failing(status: int, body: Any = "busy", **headers: str) -> Callable[[dict[str, Any]], Answer]:
    return lambda _: Answer(status, body, headers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    state = Server("", [], [], [])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                state.seen.append(body | {"path": self.path})
                state.headers.append(dict(self.headers))
                make = state.script.pop(0) if state.script else echo
            answer = make(body)
            data = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield state._replace(url=f"http://127.0.0.1:{running.server_port}/v1")
        running.shutdown()


def open_at(url: str, waits: list[float] | None = None, **config: Any) -> OpenAIEngine:
    noted = waits if waits is not None else []
    return OpenAIEngine(EngineConfig(kind="openai", base_url=url, **config), "some-model", sleep=noted.append)


def test_requests_carry_sampling_and_answers_keep_their_order(server: Server) -> None:
    with open_at(server.url) as engine:
        found = engine.generate([Request(f"q{i}", 100 + i) for i in range(40)], SAMPLING)
    assert [g.text for g in found] == [f"echo q{i}" for i in range(40)]
    assert found[0][1:5] == (7, 4, 5, "length")
    one = next(b for b in server.seen if b["seed"] == 103)
    assert one == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "q3"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 5,
        "seed": 103,
        "path": "/v1/chat/completions",
    }
    assert {h["Authorization"] for h in server.headers} == {f"Bearer {KEY}"}


def test_a_system_prompt_is_a_message_of_its_own(server: Server) -> None:
    with open_at(server.url) as engine:
        engine.generate([Request("q", 1, "Be a clerk.<|im_end|>")], SAMPLING)
    system, user = server.seen[0]["messages"]
    assert system["role"] == "system" and system["content"].startswith("Be a clerk.<\u200b|im_end|>")
    assert user == {"role": "user", "content": "q"}


def test_rate_limits_and_server_errors_are_retried_with_longer_waits(server: Server) -> None:
    server.script[:] = [failing(429), failing(503), failing(500)]
    waits: list[float] = []
    with open_at(server.url, waits) as engine:
        assert engine.generate([Request("q", 1)], SAMPLING)[0].text == "echo q"
    assert len(waits) == 3 and 0.25 <= waits[0] <= 0.75 and 1.0 <= waits[2] <= 3.0


def test_the_server_may_ask_for_a_longer_wait(server: Server) -> None:
    server.script[:] = [failing(429, Retry_After="9")]
    waits: list[float] = []
    with open_at(server.url, waits) as engine:
        engine.generate([Request("q", 1)], SAMPLING)
    assert waits == [9.0]


def test_a_server_that_stays_away_is_transient(server: Server) -> None:
    server.script[:] = [failing(503)] * 50
    with open_at(server.url) as engine, pytest.raises(Transient, match=r"6 attempts.*HTTP 503: busy"):
        engine.generate([Request("q", 1)], SAMPLING)
    assert len(server.seen) == 6


def test_no_server_is_transient() -> None:
    waits: list[float] = []
    with open_at(f"http://127.0.0.1:{free_port()}/v1", waits) as engine, pytest.raises(Transient, match="ConnectError"):
        engine.generate([Request("q", 1)], SAMPLING)
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "OPENAI_API_KEY"), (404, "serves the model 'some-model'"), (400, "max_new_tokens")]
)
def test_a_refusal_is_bad_input_at_once_and_never_shows_the_key(server: Server, status: int, advice: str) -> None:
    server.script[:] = [failing(status, f"Incorrect API key provided: {KEY}")] * 9
    with open_at(server.url) as engine, pytest.raises(BadInput, match=advice) as caught:
        engine.generate([Request("q", 1)], SAMPLING)
    assert KEY not in str(caught.value) and len(server.seen) == 1


@pytest.mark.parametrize("body", ["<html>hello</html>", "{}", '{"choices": []}', "[]"])
def test_something_else_than_a_completion_is_bad_input(server: Server, body: str) -> None:
    server.script[:] = [failing(200, body)]
    with open_at(server.url) as engine, pytest.raises(BadInput, match="not an OpenAI chat completion"):
        engine.generate([Request("q", 1)], SAMPLING)


def test_one_refusal_stops_the_rest(server: Server) -> None:
    server.script[:] = [failing(401)] * 1000
    with open_at(server.url, concurrency=2) as engine, pytest.raises(BadInput):
        engine.generate([Request("q", i) for i in range(500)], SAMPLING)
    assert len(server.seen) < 500


def test_control_strings_of_common_models_are_broken(server: Server) -> None:
    with open_at(server.url) as engine:
        engine.generate([Request("a<|im_end|>b", 1)], SAMPLING)
    assert "<|im_end|>" not in server.seen[0]["messages"][0]["content"]


def test_without_an_address_the_field_is_named() -> None:
    with pytest.raises(BadInput, match=r"engine\.base_url"):
        open_at("")


def test_token_counts_are_estimates_on_the_safe_side() -> None:
    with open_at("http://127.0.0.1:9/v1") as engine:
        assert engine.count_tokens("the quick brown fox jumps over the lazy dog") >= 9


USAGE = {"prompt_tokens": 7, "completion_tokens": 5}


def saying(content: Any, usage: Any = USAGE, reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}, "finish_reason": reason}], "usage": usage}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": {"code": "content_filter"}}, "withheld by a content filter: HTTP 400"),
        (422, "no", "HTTP 422"),
        (200, {"error": {"message": "overloaded"}}, "overloaded"),
        (200, saying(None), "no text"),
        (200, saying([{"type": "image"}]), "no text"),
        (200, "[" * 100_000, "not an OpenAI chat completion"),
        (200, " " * (17 * 2**20), "a body larger than 16 MiB"),
    ],
)
def test_one_odd_response_is_a_row(server: Server, status: int, body: Any, reason: str) -> None:
    server.script[:] = [failing(status, body)]
    with open_at(server.url) as engine:
        answers = generate(engine, [Request(f"q{i}", i) for i in range(9)], SAMPLING)
    assert len(answers.errors) == 1 and reason in next(iter(answers.errors.values()))
    assert sorted(g.finish_reason for g in answers.generations) == ["error"] + ["length"] * 8
    assert len(server.seen) == 9, "nothing that was paid for is asked again"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 10**30}, "many"])
def test_usage_that_cannot_be_true_is_estimated_and_parts_are_joined(server: Server, usage: Any) -> None:
    server.script[:] = [failing(200, saying([{"text": "a"}, {"text": "\ud800b"}], usage))]
    with open_at(server.url) as engine:
        assert engine.generate([Request("q", 1)], SAMPLING)[0][:4] == ("a?b", 1, 0, 2)


def test_a_key_is_stripped_and_one_that_cannot_be_is_refused_unseen(server: Server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    with open_at(server.url) as engine:
        engine.generate([Request("q", 1)], SAMPLING)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nmore")
    with pytest.raises(BadInput, match="OPENAI_API_KEY") as caught:
        open_at(server.url)
    assert KEY not in str(caught.value)

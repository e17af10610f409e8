"""An OpenAI-compatible endpoint on loopback that counts what it is asked, and goes away when it is told to."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class PaidServer:
    """What was asked, and how it answers.

    Attributes:
        url: Its address, with `/v1`.
        asked: The bodies of all requests, those without an answer too.
        dies_after: Answers after which it only says 503; None for never.
        gate: Cleared, requests wait before they are answered.
        write: Gives the text for a request's body; None for one that names its seed.
        reply: Further fields of its choice's message, or the whole response with `choices`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.dies_after: int | None = None
        self.answered = 0
        self.gate = threading.Event()
        self.gate.set()
        self.write: Callable[[dict[str, Any]], str] | None = None
        self.reply: dict[str, Any] = {}
        self.lock = threading.Lock()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for a request."""
        with self.lock:
            self.asked.append(body)
        self.gate.wait(60)
        with self.lock:
            if self.dies_after is not None and self.answered >= self.dies_after:
                return 503, {"error": "gone"}
            self.answered += 1
        if "choices" in self.reply or "error" in self.reply:
            return 200, self.reply
        if self.write:
            text = self.write(body)
        else:
            text = f"<answer>{body.get('seed')}</answer> to {body['messages'][0]['content'][:200]}"
        choice = {"message": {"content": text, **self.reply}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """All that connect at once: where the machine is busy, five would wait and the next be refused."""


@contextmanager
def paid_server() -> Generator[PaidServer]:
    """Spans a server's life."""
    state = PaidServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = state.answer(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{running.server_port}/v1"
        try:
            yield state
        finally:
            state.gate.set()
            running.shutdown()

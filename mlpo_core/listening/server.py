"""Listens at an address, and serves an application there until a signal comes. Needs the extra `serve`."""

import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from mlpo_core.errors import BadInput


class Server(uvicorn.Server):
    """A server whose end by a signal is an end like any other."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there, before anything is loaded.

    Raises:
        BadInput: It cannot listen there.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise BadInput(f"{host}:{port}: cannot listen there: {error}. Take another --port") from error


def address(listener: socket.socket) -> str:
    """The URL of what listens."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"

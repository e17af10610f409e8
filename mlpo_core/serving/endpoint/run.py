"""Starts the endpoint, and ends it in order."""

import json
import os
import shlex
import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import uvicorn

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.serving import Leader
from mlpo_core.serving.endpoint.app import Endpoint
from mlpo_core.serving.endpoint.guard import VARIABLE, Guard
from mlpo_core.serving.endpoint.limits import Limits, Place
from mlpo_core.store import Store

_END_S = 10
"""Seconds that requests, and then engines, are given to end."""


def serve(names: Sequence[str], store: Store, place: Place, limits: Limits) -> None:
    """Serve the leaders of some experiments until a signal comes.

    Raises:
        BadInput: The address is taken or needs keys, or a leader cannot be loaded.
    """
    guard = Guard(place.host)
    with bound(place) as listener:
        leaders: dict[str, Leader] = {}
        try:
            for name in names:
                leader = Leader.load(name, store, limits.agent_s, limits.floor, apart=True)
                leaders[leader.name] = leader
            endpoint = Endpoint(leaders, guard, limits)
            print(_invitation(listener, endpoint.models, next(iter(leaders.values())).example), flush=True)
            config = uvicorn.Config(
                endpoint.app,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_END_S,
            )
            _Server(config).run([listener])
        finally:
            hanging = [leader.name for leader in leaders.values() if not leader.close(_END_S)]
    if hanging:
        # A thread that waits for an endpoint that does not answer cannot be ended, and would hold the process.
        log(f"{', '.join(hanging)}: an engine did not end within {_END_S} s")
        os._exit(0)


class _Server(uvicorn.Server):
    """A server whose end by a signal is an end like any other."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bound(place: Place) -> socket.socket:
    """A socket that listens there, before any model is loaded."""
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((place.host, place.port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise BadInput(f"{place.host}:{place.port}: cannot listen there: {error}. Take another --port") from error


def _invitation(listener: socket.socket, models: Sequence[str], question: str) -> str:
    """Where it listens, and a line that works."""
    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
    body = json.dumps({"model": models[0], "messages": [{"role": "user", "content": question}]})
    key = f' -H "Authorization: Bearer ${{{VARIABLE}%%,*}}"' if os.environ.get(VARIABLE) else ""
    return (
        f"{address} serves {', '.join(models)}\n"
        f"curl {address}/chat/completions{key} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )

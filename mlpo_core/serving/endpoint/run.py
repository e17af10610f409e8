"""Starts the endpoint, and ends it in order."""

import json
import os
import shlex
import socket
from collections.abc import Sequence

import uvicorn

from mlpo_core.errors import BadInput
from mlpo_core.listening.keys import VARIABLE
from mlpo_core.listening.server import Server, address, bound
from mlpo_core.progress import log
from mlpo_core.serving import Leader
from mlpo_core.serving.endpoint.app import Endpoint
from mlpo_core.serving.endpoint.guard import Guard
from mlpo_core.serving.endpoint.limits import Limits, Place
from mlpo_core.serving.published import is_published
from mlpo_core.store import Store

_END_S = 10
"""Seconds that requests, and then engines, are given to end."""


def serve(names: Sequence[str], team: str, store: Store, place: Place, limits: Limits) -> None:
    """Serve some leaders until a signal comes.

    Args:
        names: Experiments, published folders, hub repositories.
        team: An experiment whose team the published ones lead instead of their own; may be empty.
        store: Where versions are.
        place: Where it listens.
        limits: What it bears.

    Raises:
        BadInput: The address is taken or needs keys, or a leader cannot be loaded, or two have one name.
    """
    guard = Guard(place.host)
    with bound(*place) as listener:
        leaders: dict[str, Leader] = {}
        try:
            for name in names:
                led = team if is_published(name) else ""
                leader = Leader.load(name, store, limits.agent_s, limits.floor, led, apart=True)
                if leader.name in leaders:
                    leader.close(_END_S)
                    raise BadInput(
                        f"{name}: another leader is called {leader.name} already: serve one of them at a time"
                    )
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
            Server(config).run([listener])
        finally:
            hanging = [leader.name for leader in leaders.values() if not leader.close(_END_S)]
    if hanging:
        # A thread that waits for an endpoint that does not answer cannot be ended, and would hold the process.
        log(f"{', '.join(hanging)}: an engine did not end within {_END_S} s")
        os._exit(0)


def _invitation(listener: socket.socket, models: Sequence[str], question: str) -> str:
    """Where it listens, and a line that works."""
    base = f"{address(listener)}/v1"
    body = json.dumps({"model": models[0], "messages": [{"role": "user", "content": question}]})
    key = f' -H "Authorization: Bearer ${{{VARIABLE}%%,*}}"' if os.environ.get(VARIABLE) else ""
    return (
        f"{base} serves {', '.join(models)}\n"
        f"curl {base}/chat/completions{key} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )

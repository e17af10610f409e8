"""Starts the viewer, and ends it in order."""

import os

import uvicorn

from mlpo_core.listening import addresses
from mlpo_core.listening.keys import VARIABLE
from mlpo_core.listening.server import Server, address, bound
from mlpo_core.store import Store
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library

_END_S = 5
"""Seconds that requests are given to end."""


def view(experiment: str | None, store: Store, host: str, port: int) -> None:
    """Serve pages until a signal comes.

    Args:
        experiment: Where the address that is printed leads; None leads to the list of experiments.
        store: What is read.
        host: Where to listen.
        port: The same; 0 is any that is free.

    Raises:
        BadInput: The address is taken or needs keys, or the experiment has no predictions.
    """
    guard, library = Guard(host), Library(store)
    if experiment:
        library.volume(experiment)
    with bound(host, port) as listener:
        wants = f" (any user, a key of {VARIABLE} as password)" if os.environ.get(VARIABLE) else ""
        print(f"{address(listener)}{addresses.tasks(experiment) if experiment else '/'}{wants}", flush=True)
        config = uvicorn.Config(
            Viewer(library, guard).app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_END_S,
        )
        Server(config).run([listener])

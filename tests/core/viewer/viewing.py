"""A viewer on loopback, inside the test's own process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from mlpo_core.listening.server import address, bound
from mlpo_core.store import Store
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library
from tests.support import wait_for


@contextmanager
def viewing(store: Store) -> Iterator[str]:
    """Serve a store; yields the address."""
    app = Viewer(Library(store), Guard("127.0.0.1")).app
    with bound("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            wait_for(lambda: server.started, 60, "the viewer starts")
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join()

"""An endpoint on loopback, inside the test's own process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import uvicorn

from mlpo_core.listening.server import bound
from mlpo_core.serving import Leader
from mlpo_core.serving.endpoint.app import Endpoint
from mlpo_core.serving.endpoint.guard import Guard
from mlpo_core.serving.endpoint.limits import Limits
from tests.core.serving import house
from tests.support import wait_for


class Running(NamedTuple):
    """A server that answers."""

    url: str

    def post(self, **body: object) -> httpx.Response:
        """Ask for a completion."""
        return httpx.post(f"{self.url}/v1/chat/completions", json=asking(**body), timeout=120)

    def metric(self, line: str) -> float:
        """A figure of its metrics; 0 while there is none."""
        page = httpx.get(f"{self.url}/metrics").text
        return next((float(row.rpartition(" ")[2]) for row in page.splitlines() if row.startswith(line)), 0.0)

    def calm(self) -> None:
        """Wait until nothing is worked on."""
        wait_for(
            lambda: not self.metric('mlpo_requests_inside{state="running"}'), 60, "work that nobody waits for ends"
        )


def asking(question: str = "sum 4-1+7+2", model: str = f"{house.NAME}/mlpo@T=1", **more: object) -> dict[str, object]:
    """The body of a request."""
    return {"model": model, "messages": [{"role": "user", "content": question}], **more}


@contextmanager
def serving(leader: Leader, limits: Limits | None = None) -> Iterator[Running]:
    """Serve a leader that is loaded."""
    endpoint = Endpoint({leader.name: leader}, Guard("127.0.0.1"), limits or Limits())
    with bound("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(endpoint.app, log_level="warning", access_log=False))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            wait_for(lambda: server.started, 60, "the endpoint starts")
            yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()

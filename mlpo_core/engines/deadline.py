"""One deadline for all that a request does on the network: a server that drips meets every timeout of one read."""

import ssl
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

import httpcore
import httpx


class Deadline(httpcore.NetworkBackend):
    """The network as httpx sees it; within `spent`, nothing waits longer than what is left.

    httpx has timeouts for one read only, and headers come in as many reads as the server likes.
    """

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self._ends = threading.local()

    def govern(self, client: httpx.Client) -> None:
        """Let this client, through a proxy or not, use the network through here. Before its first request."""
        # httpx offers no way to give a network and still to find the environment's proxies
        for transport in (client._transport, *client._mounts.values()):  # pyright: ignore[reportPrivateUsage]
            if transport is not None:
                cast(Any, transport)._pool._network_backend = self

    @contextmanager
    def spent(self, seconds: float) -> Generator[None]:
        """Spans one request of this thread, which has so many seconds from its first connection to its last byte."""
        self._ends.at = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._ends.at

    def left(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
        """What of a timeout may still be waited.

        Raises:
            httpcore.TimeoutException: Nothing; of the kind that was given.
        """
        if not hasattr(self._ends, "at"):
            return timeout
        remaining = self._ends.at - time.monotonic()
        if remaining <= 0:
            raise error("the answer was not complete in time")
        return remaining if timeout is None else min(timeout, remaining)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkBackend`."""
        timeout = self.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self, self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        """See `httpcore.NetworkBackend`."""
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, deadline: Deadline, inner: httpcore.NetworkStream) -> None:
        self._deadline = deadline
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._deadline, self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

"""An HTTP server on loopback that sends whatever bytes it is told to, at its own pace: no library keeps it honest."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """One connection per request.

    Attributes:
        url: Its address, with `/v1`.
        asked: Requests so far.
        behave: What it does once a request has arrived; the connection is closed afterwards.
    """

    def __init__(self, listener: socket.socket, behave: Behaviour) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self.asked = 0
        self.behave = behave
        self._listener = listener

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            _read_request(connection)
            self.asked += 1
            self.behave(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)


@contextmanager
def running(behave: Behaviour) -> Iterator[RawServer]:
    """Spans a server's life."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener, behave)
        threading.Thread(target=server.serve, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def sending(data: bytes) -> Behaviour:
    """Sends these bytes."""
    return lambda connection: connection.sendall(data)


def response(body: bytes, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """An HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        missing -= len(_more(connection))


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("the client went away")
    return data

"""Serves reports, traces and plots of the store over http, read-only, for the links that the UI shows.

python -m pipelines.artifacts [--host HOST] [--port PORT] [--viewer PORT] [COMMAND …]

A path is `/ASSET/KEY/NAME`, where NAME is a page or picture that the version's manifest lists: nothing else of the
store and nothing else of the disk has a path. Models wrote what stands in these pages, so they may run and load
nothing. With a COMMAND it serves as long as that runs. The pages of `mlpo view`, which have a script, are served
beside it at a port of their own: so a report is never of one origin with them.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from mlpo_core.store.names import checked_key
from mlpo_core.store.schemas import SCHEMAS

VARIABLE = "MLPO_ARTIFACTS_URL"
"""Environment variable: where readers reach this server; without it the UI is given paths."""
PORT = 3080
_TYPES = {".html": "text/html; charset=utf-8", ".md": "text/plain; charset=utf-8", ".png": "image/png"}
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, max-age=3600",
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def url(asset: str, key: str, name: str) -> str | None:
    """Where a reader finds a file of a version; None if nobody says that it is served, or it is of no kind that is."""
    base = os.environ.get(VARIABLE, "").rstrip("/")
    served = base and PurePosixPath(name).suffix in _TYPES
    return f"{base}/{asset}/{key}/{quote(name)}" if served else None


def read(path: str) -> tuple[str, bytes] | None:
    """Type and content of what a path of a URL names; None if it names nothing that is served."""
    asset, _, rest = unquote(path).removeprefix("/").partition("/")
    key, _, name = rest.partition("/")
    kind = _TYPES.get(PurePosixPath(name).suffix)
    if asset not in SCHEMAS or kind is None:
        return None
    try:
        ref = Store().find(asset, checked_key(key))
        dataset = Dataset(ref, sets_aside=False) if ref else None
        return (kind, dataset.read_file(name)) if dataset and name in dataset.manifest.files else None
    except BadInput:
        return None


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, to those who ask for a host that is ours: a page elsewhere cannot rename itself to it."""

    server_version, sys_version = "mlpo", ""
    timeout = 60

    def do_GET(self) -> None:
        """The file, or 404."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """The same without its content."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: who reads a report is nobody's business."""

    def _answer(self, *, with_body: bool) -> None:
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        ours = _LOOPBACK | {urlsplit(os.environ.get(VARIABLE, "")).hostname}
        prefix = urlsplit(os.environ.get(VARIABLE, "")).path.rstrip("/")
        path = urlsplit(self.path).path
        found = read(path.removeprefix(prefix)) if host in ours else None
        kind, content = found or ("text/plain; charset=utf-8", b"there is no such page\n")
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)


@contextmanager
def _viewer(port: int | None) -> Generator[None]:
    """Serve the viewer for as long as this lasts; where it cannot start it says why, and the rest is served."""
    if port is None:
        yield
        return
    command = [sys.executable, "-m", "mlpo_core", "view", "--port", str(port)]
    viewer = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        yield
    finally:
        viewer.terminate()
        viewer.wait()


def main() -> int:
    """Serve until interrupted, or as long as the command runs; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.artifacts", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--viewer", type=int, metavar="PORT", help="serve `mlpo view` beside, on loopback")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command to serve beside")
    args = parser.parse_args()
    try:
        server = ThreadingHTTPServer((args.host, args.port), Handler)
    except OSError as error:
        print(
            f"port {args.port} is taken ({error.strerror}): choose another with --port, make ui ARTIFACTS=…",
            file=sys.stderr,
        )
        return 2
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server, _viewer(args.viewer):
        if not args.command:
            print(f"reports and traces on http://{args.host}:{server.server_port}", flush=True)
        process = subprocess.Popen(args.command) if args.command else None  # noqa: S603 - the operator's own command
        if process:
            signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        while True:
            try:
                return process.wait() if process else threading.Event().wait()
            except KeyboardInterrupt:  # the command has it too, and ends
                if process is None:
                    return 0


if __name__ == "__main__":
    sys.exit(main())

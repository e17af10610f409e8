"""Read what happened, in a browser."""

import argparse
from importlib import import_module
from importlib.util import find_spec

from mlpo_core.errors import missing_extra
from mlpo_core.listening.addresses import PORT
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="where to begin (default: the list of all)")
    parser.add_argument("--host", default="127.0.0.1", help="others than loopback need keys in $MLPO_API_KEYS")
    parser.add_argument("--port", type=int, default=PORT, help=f"0: any that is free (default: {PORT})")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Say where the pages are, and serve them until a signal comes.

    Raises:
        BadInput: The extra is not installed, the address is taken or needs keys, or the experiment has no predictions.
    """
    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            raise missing_extra(package, "serve")
    # Only here is the extra at hand.
    viewer = import_module("mlpo_core.viewer.run")
    viewer.view(options.experiment, Store(options.root), options.host, options.port)

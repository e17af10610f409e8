"""Serve trained leaders as an OpenAI-compatible endpoint."""

import argparse
from importlib import import_module
from importlib.util import find_spec

from mlpo_core.errors import missing_extra
from mlpo_core.serving.endpoint.limits import Limits, Place
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "leaders",
        nargs="+",
        metavar="LEADER",
        help="an experiment's: a name in experiments/ or a YAML file; or a published folder, or hub:OWNER/NAME",
    )
    parser.add_argument("--team", default="", metavar="EXPERIMENT", help="whom published leaders lead instead")
    parser.add_argument("--host", default="127.0.0.1", help="others than loopback need keys in $MLPO_API_KEYS")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free (default: 8000)")
    parser.add_argument("--agent-timeout", type=float, default=60.0, metavar="S", help="then an agent is left out")
    parser.add_argument("--floor", type=int, default=1, metavar="N", help="refuse where fewer agents answered")
    parser.add_argument("--at-once", type=int, default=32, metavar="N", help="requests worked on together")
    parser.add_argument("--waiting", type=int, default=64, metavar="N", help="requests that may wait; more get 429")
    parser.add_argument("--log-content", action="store_true", help="log questions and answers, not only their cost")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Load the leaders and their teams, say where they are served, and serve until a signal comes.

    Raises:
        BadInput: The extra is not installed, the address is taken or needs keys, or a leader has not been trained.
    """
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise missing_extra(package, "serve")
    limits = Limits(
        max(1, options.at_once), max(0, options.waiting), options.agent_timeout, options.floor, options.log_content
    )
    # Only here is the extra at hand.
    endpoint = import_module("mlpo_core.serving.endpoint.run")
    endpoint.serve(options.leaders, options.team, Store(options.root), Place(options.host, options.port), limits)

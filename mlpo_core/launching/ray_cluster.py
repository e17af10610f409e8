"""The Ray cluster that a phase works on: `RAY_ADDRESS` names it; without one, this machine."""

import logging
import os
from typing import Any

from mlpo_core.errors import missing_extra


def connect() -> Any:
    """Ray, connected. Inside a Ray job it is the job's cluster.

    Raises:
        BadInput: Ray is not installed; names the extra.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # who runs what stays with who runs it
    alone = not os.environ.get("RAY_ADDRESS")
    if alone:
        # Ray's ports run any code that they are sent; unless no machine may join, they are open to all machines.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise missing_extra("ray", "ray") from error
    if not ray.is_initialized():
        ray.init("local" if alone else None, logging_level=logging.WARNING)
    return ray


def in_worker() -> None:
    """Call first in code that Ray runs elsewhere: only the driver talks to Dagster, workers write to stderr."""
    for name in [n for n in os.environ if n.startswith("DAGSTER_PIPES_")]:
        del os.environ[name]

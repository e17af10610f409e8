"""Where the pages of `mlpo view` are: who links to them needs no server at hand."""

import os
from urllib.parse import quote, urlsplit

VARIABLE = "MLPO_VIEWER_URL"
"""Environment variable: where readers reach the viewer; without it nothing links there."""
PORT = 3090
"""Where `mlpo view` listens unless it is told otherwise."""


def tasks(experiment: str) -> str:
    """The path of an experiment's list of tasks."""
    return f"/{quote(experiment, safe='/')}/tasks"


def task(experiment: str, task_id: str) -> str:
    """The path of one task."""
    return f"{tasks(experiment)}/{quote(task_id, safe='')}"


def linked(path: str) -> str | None:
    """The whole address of a path; None if nobody says that pages are served."""
    base = os.environ.get(VARIABLE, "").rstrip("/")
    return f"{base}{path}" if base else None


def prefix() -> str:
    """The path below which readers reach the viewer; empty where it has a host of its own."""
    return urlsplit(os.environ.get(VARIABLE, "")).path.rstrip("/")


def usual(path: str) -> str:
    """The whole address of a path while `mlpo view` runs on the reader's machine as it does by default."""
    return f"http://127.0.0.1:{PORT}{path}"

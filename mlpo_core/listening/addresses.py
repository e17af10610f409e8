"""Where the pages of `mlpo view` are: who links to them needs no server at hand."""

import os
from urllib.parse import quote, urlencode, urlsplit

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


def training(experiment: str, leader: str = "", step: int | None = None, prompt_id: str = "") -> str:
    """The path of a leader's training, of a step of it, or of one group of that step.

    Args:
        experiment: Its name.
        leader: The asset; empty is the one that the pages show first.
        step: Of which rollouts are kept.
        prompt_id: Of the group.
    """
    parts = [f"/{quote(experiment, safe='/')}/training", *([str(step)] if step is not None else [])]
    parts += [quote(prompt_id, safe="")] if prompt_id else []
    return "/".join(parts) + (f"?{urlencode({'leader': leader})}" if leader else "")


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

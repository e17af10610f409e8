"""The pages of a leader's training: its steps, the groups of a step, and a group with all its completions."""

from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mlpo_core.listening import addresses
from mlpo_core.viewer.library import Library
from mlpo_core.viewer.render import page
from mlpo_core.viewer.training import Step, Training
from mlpo_core.viewer.wanted import experiment_named, number

T = TypeVar("T")
SIZE = 50
"""Steps of a page."""


class TrainingPages:
    """Answers requests for them.

    Args:
        library: What there is to read.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    def add_to(self, app: FastAPI) -> None:
        """Put their addresses among those of an application."""
        app.add_route("/{experiment:path}/training/{step}/{prompt}", self._group)
        app.add_route("/{experiment:path}/training/{step}", self._step)
        app.add_route("/{experiment:path}/training", self._steps)

    def _steps(self, request: Request) -> Response:
        name, leader, leaders = self._asked(request)
        found = self._library.training(name, leader).overview
        last = max(1, -(-len(found) // SIZE))
        at = min(max(1, number(request.query_params.get("page", "")) or 1), last)
        shown = found[(at - 1) * SIZE : at * SIZE]
        return HTMLResponse(
            page(
                "training", **self._frame(name, leader), leaders=leaders, steps=shown, kept=len(found), at=at, last=last
            )
        )

    def _step(self, request: Request) -> Response:
        name, leader, _ = self._asked(request)
        training = self._library.training(name, leader)
        step = _kept(training, request)
        before, after = _beside(training.steps, step.number)
        return HTMLResponse(
            page(
                "training_step", **self._frame(name, leader), step=step, before=before, after=after, kept=training.steps
            )
        )

    def _group(self, request: Request) -> Response:
        name, leader, _ = self._asked(request)
        training, prompt_id = self._library.training(name, leader), request.path_params["prompt"]
        step = _kept(training, request)
        written = training.written(step.number, prompt_id)
        if written is None:
            raise HTTPException(404, f"step {step.number} of {leader} has no prompt {prompt_id!r:.100}")
        ids = [group.prompt_id for group in step.groups]
        before, after = _beside(ids, prompt_id)
        at = ids.index(prompt_id)
        values = {"step": step, "group": step.groups[at], "written": written, "at": at + 1}
        return HTMLResponse(page("training_group", **self._frame(name, leader), **values, before=before, after=after))

    def _asked(self, request: Request) -> tuple[str, str, list[str]]:
        """Experiment and leader of an address, and the leaders that there are."""
        name = experiment_named(request)
        leaders = self._library.leaders(name)
        if not leaders:
            raise HTTPException(404, f"no rollouts are kept of {name!r:.100} under this root")
        wanted = request.query_params.get("leader", "")
        return name, wanted if wanted in leaders else leaders[0], leaders

    def _frame(self, name: str, leader: str) -> dict[str, Any]:
        """What all of these pages show around."""
        has_tasks = name in self._library.names()
        above = addresses.tasks(name) if has_tasks else addresses.training(name, leader)

        def path(step: int | None = None, prompt_id: str = "") -> str:
            return addresses.prefix() + addresses.training(name, leader, step, prompt_id)

        return {"name": name, "leader": leader, "path": path, "above": addresses.prefix() + above}


def _kept(training: Training, request: Request) -> Step:
    text: str = request.path_params["step"]
    step = training.step(number(text) or 0)
    if step is None:
        raise HTTPException(404, f"the rollouts of step {text!r:.30} are not kept")
    return step


def _beside(items: Sequence[T], item: T) -> tuple[T | None, T | None]:
    """What stands before and after an item."""
    at = items.index(item)
    return items[at - 1] if at else None, items[at + 1] if at + 1 < len(items) else None

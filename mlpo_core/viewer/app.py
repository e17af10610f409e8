"""The pages: experiments, an experiment's tasks, one task, its report; and those of `training_pages`."""

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mlpo_core.errors import BadInput, NotMade, Transient
from mlpo_core.listening import addresses
from mlpo_core.progress import log
from mlpo_core.viewer import listing
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library, Volume
from mlpo_core.viewer.listing import Side
from mlpo_core.viewer.outcomes import OUTCOMES
from mlpo_core.viewer.render import STATIC, page, static
from mlpo_core.viewer.training_pages import TrainingPages
from mlpo_core.viewer.wanted import DIFFERENCES, Wanted, experiment_named, wanted

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A report has its style within it, and may run nothing at all."""


class Viewer:
    """Answers requests for pages; reads only.

    Args:
        library: What there is to read.
        guard: Who may read.
    """

    def __init__(self, library: Library, guard: Guard) -> None:
        self._library = library
        self._guard = guard
        self.app = FastAPI(root_path=addresses.prefix(), docs_url=None, redoc_url=None, openapi_url=None)
        # An experiment's name may hold a slash, so what follows it comes first.
        self.app.add_route("/{experiment:path}/tasks/{task}", self._task)
        self.app.add_route("/{experiment:path}/tasks", self._tasks)
        self.app.add_route("/{experiment:path}/report", self._report)
        TrainingPages(library).add_to(self.app)
        self.app.add_route("/static/{name}", self._static)
        self.app.add_route("/", self._experiments)
        self.app.add_route("/{experiment:path}", self._experiment)
        self.app.add_exception_handler(Exception, _failed)
        for error in (BadInput, Transient, HTTPException):
            self.app.add_exception_handler(error, _failed)
        self.app.middleware("http")(self._guarded)

    async def _guarded(self, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = self._guard.refusal(request) or await answer(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404, f"there is no file {name!r:.100}")
        return Response(static(name), media_type=STATIC[name])

    def _experiments(self, request: Request) -> Response:
        names = self._library.names()
        rows = [(name, _tasks_path(name)) for name in names]
        return HTMLResponse(page("experiments", rows=rows, root=self._library.store.root))

    def _experiment(self, request: Request) -> Response:
        name = experiment_named(request)
        if name not in self._library.names():
            raise HTTPException(404, f"there is no experiment {name!r:.100} with predictions under this root")
        return RedirectResponse(_tasks_path(name), 307)

    def _report(self, request: Request) -> Response:
        name = experiment_named(request)
        report = self._library.report(name)
        if report is None:
            raise NotMade(f"{name}: its benchmark_report has not been made.", "benchmark_report", name)
        content = report.read_file("report.html")
        return HTMLResponse(content, headers={"Content-Security-Policy": _REPORT_POLICY})

    def _tasks(self, request: Request) -> Response:
        volume, asked, side, other, found = self._asked(request)
        at = min(asked.page, found.pages)
        places = found.chosen[(at - 1) * listing.SIZE : at * listing.SIZE].tolist()
        return HTMLResponse(
            page(
                "tasks",
                **self._frame(volume, asked, side, other, found),
                lines=listing.lines(places, side, other),
                at=at,
                task_path=lambda task_id: _task_path(volume.name, task_id),
            )
        )

    def _task(self, request: Request) -> Response:
        volume, asked, side, other, found = self._asked(request)
        task_id = request.path_params["task"]
        place = volume.index.place(task_id)
        if place is None:
            raise HTTPException(404, f"{volume.name} has no test task {task_id!r:.100}")
        at, before, after = found.beside(place)
        ids = volume.index.tasks["task_id"]
        path = {n: p if p is None else _task_path(volume.name, ids[p].as_py()) for n, p in _named(before, after)}
        columns = [(side, self._library.conversation(volume, task_id, side.way, side.seed))]
        if other:
            of = self._library.volume(other.experiment)
            columns.append((other, self._library.conversation(of, task_id, other.way, other.seed)))
        return HTMLResponse(
            page(
                "task",
                **self._frame(volume, asked, side, other, found),
                task=volume.index.tasks.slice(place, 1).to_pylist()[0],
                path=_task_path(volume.name, task_id),
                line=listing.lines([place], side, other)[0],
                at=at,
                **path,
                columns=columns,
            )
        )

    def _asked(self, request: Request) -> tuple[Volume, Wanted, Side, Side | None, listing.Listing]:
        """What a request asks for, and the tasks that this selects."""
        volume = self._library.volume(experiment_named(request))
        asked = wanted(request.query_params, volume.index)
        side = Side(volume.name, volume.index, asked.way, asked.seed)
        other = None
        if asked.compares:
            of = self._library.volume(asked.of) if asked.of else volume
            other = listing.second(asked, of.name, of.index)
        found = listing.select(asked, side, other, lambda text: self._library.written(volume, text))
        return volume, asked, side, other, found

    def _frame(
        self, volume: Volume, asked: Wanted, side: Side, other: Side | None, found: listing.Listing
    ) -> dict[str, Any]:
        """What both kinds of page show around."""
        return {
            "volume": volume,
            "asked": asked,
            "side": side,
            "other": other,
            "found": found,
            "outcomes": OUTCOMES,
            "differences": DIFFERENCES,
            "experiments": self._library.names(),
            "list_path": _tasks_path(volume.name),
            "report_path": f"{_tasks_path(volume.name).removesuffix('/tasks')}/report"
            if self._library.report(volume.name)
            else None,
            "training_path": addresses.prefix() + addresses.training(volume.name)
            if self._library.leaders(volume.name)
            else None,
        }


def _tasks_path(name: str) -> str:
    return addresses.prefix() + addresses.tasks(name)


def _task_path(name: str, task_id: str) -> str:
    return addresses.prefix() + addresses.task(name, task_id)


def _named(before: int | None, after: int | None) -> tuple[tuple[str, int | None], ...]:
    return ("before", before), ("after", after)


def _failed(_: Request, error: Exception) -> Response:
    """Any failure as a page. One that nobody foresaw is logged and not shown."""
    match error:
        case HTTPException():
            status, text = error.status_code, str(error.detail)
        case NotMade():
            status, text = 404, str(error)
        case BadInput():
            status, text = 500, str(error)
        case Transient():
            status, text = 503, f"{error} Try again."
        case _:
            log("".join(traceback.format_exception(error)))
            status, text = 500, "the server failed over this request; its log says how"
    return HTMLResponse(page("problem", status=status, text=text), status, headers=_HEADERS)

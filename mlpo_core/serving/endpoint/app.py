"""The endpoint: what is asked, of which leader, and what becomes of it."""

import asyncio
import time
import traceback
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import NamedTuple

from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.serving import Answer, Leader
from mlpo_core.serving.endpoint import body, replies
from mlpo_core.serving.endpoint.admission import Admission
from mlpo_core.serving.endpoint.exchange import Exchange, Gone
from mlpo_core.serving.endpoint.guard import Guard
from mlpo_core.serving.endpoint.limits import Limits
from mlpo_core.serving.endpoint.metrics import Metrics
from mlpo_core.serving.plan import Plan, parse
from mlpo_core.serving.refusal import Refusal

CLIENT_LEFT = 499
_UNKNOWN = "unknown"


class _Asked(NamedTuple):
    """A request, as its end is counted and logged."""

    frame: replies.Frame
    completion: body.Completion
    leader: Leader
    plan: Plan
    began: float


class Endpoint:
    """Answers requests with some leaders.

    Args:
        leaders: By name.
        guard: Who may ask.
        limits: What it bears.
    """

    def __init__(self, leaders: Mapping[str, Leader], guard: Guard, limits: Limits) -> None:
        self._leaders = leaders
        self._limits = limits
        self._admission = Admission(limits.at_once, limits.waiting)
        self._metrics = Metrics(leaders, self._admission)
        self.app = FastAPI(title="mlpo", docs_url=None, redoc_url=None, openapi_url=None)
        guarded = [Depends(guard.check)]
        self.app.add_api_route("/healthz", self._health, methods=["GET"])
        self.app.add_api_route("/metrics", self._figures, methods=["GET"], dependencies=guarded)
        self.app.add_api_route("/v1/models", self._models, methods=["GET"], dependencies=guarded)
        self.app.add_api_route("/v1/models/{name:path}", self._model, methods=["GET"], dependencies=guarded)
        self.app.add_api_route("/v1/chat/completions", self._complete, methods=["POST"], dependencies=guarded)
        self.app.add_exception_handler(Refusal, _refuse)
        self.app.add_exception_handler(HTTPException, _refuse)
        self.app.add_exception_handler(Exception, _refuse)

    @property
    def models(self) -> list[str]:
        """The virtual models."""
        return [
            f"{name}/{method}"
            for name, leader in self._leaders.items()
            for method in ("mlpo", "mlpo@T=1", "solo", "vote", *(["adaptive"] if leader.adapts else []))
        ]

    async def _health(self) -> JSONResponse:
        down = {name: leader.agents_down for name, leader in self._leaders.items()}
        ended = any(leader.ended for leader in self._leaders.values())
        return JSONResponse({"status": "engines ended" if ended else "ok", "agents_down": down}, 503 if ended else 200)

    async def _figures(self) -> Response:
        return Response(self._metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _models(self) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [replies.model(name) for name in self.models]})

    async def _model(self, name: str) -> JSONResponse:
        self._find(name)
        return JSONResponse(replies.model(name))

    def _find(self, model: str) -> tuple[Leader, Plan]:
        """The leader and the method that a virtual model means."""
        name, _, method = model.rpartition("/")
        try:
            if leader := self._leaders.get(name):
                return leader, parse(method, leader.rounds)
        except Refusal as error:
            raise Refusal(f"model {model!r:.100}: {error}", 404, "model_not_found", "model") from error
        raise Refusal(
            f"there is no model {model!r:.100}, only {', '.join(self.models)}", 404, "model_not_found", "model"
        )

    async def _complete(self, request: Request) -> Response:
        began, model = time.monotonic(), _UNKNOWN
        try:
            completion = await body.read(request)
            leader, plan = self._find(completion.model)
            model = completion.model
            frame = replies.Frame(f"chatcmpl-{uuid.uuid4().hex}", model, int(time.time()), completion.include_reasoning)
            asked = _Asked(frame, completion, leader, plan, began)
            exchange = Exchange(request, lambda heard: self._answers(asked, heard), completion.wishes.stop)
            if not completion.stream:
                answers = await exchange.answers()
                self._ended(model, began, 200, asked, answers)
                return JSONResponse(frame.completion(answers))
            await exchange.begun()
            if exchange.failed:
                await exchange.answers()
        except Exception as error:
            response = await _refuse(request, error)
            self._ended(model, began, response.status_code)
            return response
        events = self._events(asked, exchange)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _answers(self, asked: _Asked, heard: Callable[[int, str], None]) -> list[Answer]:
        """Every choice, all at once."""
        completion = asked.completion

        def hear(choice: int) -> Callable[[str], None] | None:
            return (lambda text: heard(choice, text)) if completion.stream else None

        async with self._admission.place() as waited:
            self._metrics.waited(waited)
            question, wishes = completion.question, completion.wishes
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(asked.leader.respond(question, asked.plan, wishes, choice, hear(choice)))
                    for choice in range(completion.n)
                ]
            return [task.result() for task in tasks]

    async def _events(self, asked: _Asked, exchange: Exchange) -> AsyncGenerator[bytes]:
        """The answer as server-sent events."""
        frame, completion = asked.frame, asked.completion
        status, answers = 200, list[Answer]()
        try:
            for choice in range(completion.n):
                yield frame.chunk(choice, {"role": "assistant", "content": ""})
            async for choice, added in exchange.pieces():
                for chunk in _chunks(frame, choice, added.reasoning, added.content):
                    yield chunk
            answers = await exchange.answers()
            for choice, added in exchange.rest(answers):
                for chunk in _chunks(frame, choice, added.reasoning, added.content):
                    yield chunk
                yield frame.chunk(choice, {}, replies.ended(answers[choice]))
            if completion.stream_options and completion.stream_options.include_usage:
                yield frame.last(answers)
            yield replies.DONE
        except (asyncio.CancelledError, GeneratorExit):
            status = CLIENT_LEFT
            raise
        except Exception as error:
            refusal = _refusal(error)
            status = refusal.status
            yield replies.event(replies.error(refusal))
        finally:
            exchange.end()
            self._ended(frame.model, asked.began, status, asked, answers)

    def _ended(
        self, model: str, began: float, status: int, asked: _Asked | None = None, answers: Sequence[Answer] = ()
    ) -> None:
        """Count and log a request."""
        seconds = time.monotonic() - began
        self._metrics.request(model, status, seconds)
        line = f"{status} {model} {seconds:.2f} s"
        if asked and answers:
            for answer in answers:
                self._metrics.answer(asked.leader.name, answer)
            line += f", {replies.usage(answers)['total_tokens']} tokens, {asked.frame.id}"
            if self._limits.log_content:
                line += f"\n{asked.completion.question}\n" + "\n".join(answer.text for answer in answers)
        log(line)


def _chunks(frame: replies.Frame, choice: int, reasoning: str, content: str) -> list[bytes]:
    found: list[bytes] = []
    if reasoning and frame.reasoning:
        found.append(frame.chunk(choice, {"reasoning_content": reasoning}))
    if content:
        found.append(frame.chunk(choice, {"content": content}))
    return found


async def _refuse(_: Request, error: Exception) -> Response:
    return replies.refused(_refusal(error))


def _refusal(error: BaseException) -> Refusal:
    """Any failure as a refusal. One that nobody foresaw is logged and not shown."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case Refusal():
            return error
        case Gone():
            return Refusal("the client left", CLIENT_LEFT, "client_left")
        case HTTPException():
            return Refusal(str(error.detail), error.status_code, "not_found" if error.status_code == 404 else "refused")
        case BadInput():
            return Refusal(str(error))
        case _:
            log("".join(traceback.format_exception(error)))
            return Refusal("the server failed over this request; its log says how", 500, "server_error")

"""One request while it is answered: its choices, what of them has been sent, and its end when the client is gone."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request

from mlpo_core.serving import Answer
from mlpo_core.serving.thinking import Parts, split

_LOOK_S = 0.2
"""How often a client is looked after."""


class Piece(NamedTuple):
    """What was added to a choice."""

    choice: int
    added: Parts


class Gone(Exception):
    """The client left."""


class Exchange:
    """Runs the work for a request as a task that ends when the client leaves.

    Args:
        request: The request, its body read.
        work: Makes the answers; is given where to say what has been written of a choice so far.
        stop: Texts before which content ends.
    """

    def __init__(
        self,
        request: Request,
        work: Callable[[Callable[[int, str], None]], Awaitable[list[Answer]]],
        stop: tuple[str, ...],
    ) -> None:
        self._request = request
        self._stop = stop
        self._sent: dict[int, Parts] = {}
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(work(self._heard))
        self._task.add_done_callback(lambda _: self._pieces.put_nowait(None))
        self._watch = asyncio.create_task(self._look_after())

    async def answers(self) -> list[Answer]:
        """The answers, when all are there.

        Raises:
            Gone: The client left; the calls behind the answers are stopped.
            Refusal: As the work says.
        """
        try:
            return await self._task
        except asyncio.CancelledError as error:
            raise Gone from error
        finally:
            self.end()

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What is added to the choices, until all are finished; their rest is in `answers`."""
        while piece := await self._pieces.get():
            yield piece

    async def begun(self) -> None:
        """Until the first piece is there, or the work has ended without one."""
        piece = await self._pieces.get()
        rest = [piece]
        while not self._pieces.empty():
            rest.append(self._pieces.get_nowait())
        for one in rest:
            self._pieces.put_nowait(one)

    @property
    def failed(self) -> bool:
        """Whether the work ended without answers."""
        return self._task.done() and (self._task.cancelled() or self._task.exception() is not None)

    def rest(self, answers: list[Answer]) -> list[Piece]:
        """What has not been sent of finished answers."""
        return [Piece(choice, self._added(choice, answer.parts)) for choice, answer in enumerate(answers)]

    def end(self) -> None:
        """Stop the work, if it has not ended."""
        self._task.cancel()
        self._watch.cancel()

    def _heard(self, choice: int, text: str) -> None:
        added = self._added(choice, split(text, self._stop, finished=False))
        if any(added):
            self._pieces.put_nowait(Piece(choice, added))

    def _added(self, choice: int, now: Parts) -> Parts:
        before = self._sent.get(choice, Parts("", ""))
        self._sent[choice] = now if len(now.reasoning) + len(now.content) > sum(map(len, before)) else before
        return Parts(now.reasoning[len(before.reasoning) :], now.content[len(before.content) :])

    async def _look_after(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while not await self._request.is_disconnected():
                await asyncio.sleep(_LOOK_S)
            self._task.cancel()

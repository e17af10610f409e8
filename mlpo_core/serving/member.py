"""Somebody who can be asked, and may be late or down."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from mlpo_core.engines import Sampling
from mlpo_core.errors import BadInput, Transient
from mlpo_core.messages import presentable
from mlpo_core.serving.answer import Call
from mlpo_core.serving.line import Line
from mlpo_core.types import Request

REST_S = 30.0
"""A member that was late or away is not asked again for so long."""


class Unanswered(Exception):
    """A member did not answer; says why."""


class Reply(NamedTuple):
    """What a member wrote, how that ended, and the call that it was."""

    text: str
    finish_reason: Literal["stop", "length", "error"]
    call: Call


class Member:
    """An agent or the leader.

    Args:
        name: Name of the agent, or `leader`.
        line: The engine that answers for it; members may share it.
        wait_s: Seconds after which it is late; None waits.
    """

    def __init__(self, name: str, line: Line, wait_s: float | None) -> None:
        self.name = name
        self._line = line
        self._wait_s = wait_s
        self._rests_until = 0.0

    @property
    def down(self) -> bool:
        """Whether it was late or away a moment ago."""
        return time.monotonic() < self._rests_until

    async def ask(
        self, round_: int, request: Request, sampling: Sampling, hear: Callable[[str], None] | None = None
    ) -> Reply:
        """What it answers. Whoever cancels this stops the generation where the engine can.

        Args:
            round_: 0-based.
            request: What is asked.
            sampling: How it is sampled.
            hear: Follows what is written, in this event loop, where the engine can be followed.

        Raises:
            Unanswered: It is late, down, or has nothing to say.
            BadInput: The request cannot be answered by its engine.
        """
        if self.down:
            raise Unanswered("down: it was late or away a moment ago")
        loop, began = asyncio.get_running_loop(), time.monotonic()

        def told(text: str) -> None:
            if hear:
                loop.call_soon_threadsafe(hear, text)

        try:
            waited = asyncio.wrap_future(self._line.ask(request, sampling, told if hear else None))
            generation = await asyncio.wait_for(waited, self._wait_s)
        except TimeoutError as error:
            self._rest()
            raise Unanswered(f"late: no answer within {self._wait_s:g} s") from error
        except BadInput:
            raise
        except Exception as error:
            if isinstance(error, Transient):
                self._rest()
            raise Unanswered(presentable(f"{type(error).__name__}: {error}")) from error
        if generation.error:
            raise Unanswered(generation.error)
        text = generation.text.encode("utf-8", "replace").decode()  # half characters fit no file
        tokens = (generation.prompt_tokens, generation.completion_tokens)
        call = Call(self.name, round_, text, *tokens, time.monotonic() - began)
        return Reply(text, generation.finish_reason, call)

    def _rest(self) -> None:
        """The leader never rests: without it nobody is answered."""
        if self._wait_s is not None:
            self._rests_until = time.monotonic() + REST_S

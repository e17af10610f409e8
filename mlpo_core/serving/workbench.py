"""The other end of a workshop: the process in which engines are opened and called, and the messages that it reads.

Every message goes with the number of the call that it belongs to. The process ends when its pipe is closed, so also
with the server.
"""

import signal
import time
import traceback
from collections.abc import Collection
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.engines.protocol import Following
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.progress import log
from mlpo_core.types import Request

_LOOK_S = 0.05
"""How often it is looked whether somebody has left."""


class Open(NamedTuple):
    """Open an engine; done with its number and the context of its model."""

    config: EngineConfig
    model: str
    revision: str | None
    trust_remote_code: bool


class Follow(NamedTuple):
    """Generate; done with the generations."""

    engine: int
    requests: list[Request]
    sampling: Sampling
    readers: frozenset[int]


class Count(NamedTuple):
    """Count the tokens of a prompt."""

    engine: int
    prompt: str


class Left(NamedTuple):
    """Nobody waits for some requests any more."""

    numbers: Collection[int]


class Heard(NamedTuple):
    """What has been written so far for a request."""

    number: int
    text: str


class Done(NamedTuple):
    """What came of a message."""

    result: Any


class Failed(NamedTuple):
    """What went wrong; `bad`: it is about what was asked."""

    why: str
    bad: bool


class _Far:
    """Those in the server who wait for a call (`mlpo_core.engines.protocol.Audience`)."""

    def __init__(self, pipe: Connection, call: int, readers: frozenset[int]) -> None:
        self.readers: Collection[int] = readers
        self._pipe = pipe
        self._call = call
        self._left: set[int] = set()
        self._looked = time.monotonic()

    def hear(self, number: int, text: str) -> None:
        self._pipe.send(Heard(number, text))

    def left(self) -> Collection[int]:
        if (now := time.monotonic()) - self._looked >= _LOOK_S:
            self._looked = now
            while self._pipe.poll():
                call, message = self._pipe.recv()
                if call == self._call:
                    self._left.update(message.numbers)
        return self._left


def work(pipe: Connection) -> None:
    """Do what messages say until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when to end
    engines: list[Engine] = []
    try:
        while True:
            call, asked = pipe.recv()
            if isinstance(asked, Left):  # too late: that call has ended
                continue
            try:
                answer = Done(_do(asked, engines, pipe, call))
            except BadInput as error:
                answer = Failed(str(error), True)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:
                log("".join(traceback.format_exception(error)))
                answer = Failed(f"{type(error).__name__}: {error}", False)
            pipe.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _do(asked: Any, engines: list[Engine], pipe: Connection, call: int) -> Any:
    match asked:
        case Open(config, model, revision, trust):
            engine = open_engine(config, model, revision=revision, trust_remote_code=trust)
            engines.append(engine)
            return len(engines) - 1, engine.max_context
        case Follow(number, requests, sampling, readers):
            engine = engines[number]
            assert isinstance(engine, Following)  # noqa: S101 - narrows a type
            return engine.follow(requests, sampling, _Far(pipe, call, readers))
        case Count(number, prompt):
            return engines[number].count_tokens(prompt)
        case _:
            raise TypeError(f"no message: {asked!r:.100}")

"""Engines in a process of their own.

A model's steps are thousands of short operations, and so are a server's: in one interpreter each waits for the other
at every one of them.
"""

from collections.abc import Collection, Sequence
from multiprocessing import get_context
from typing import Any, Self

from mlpo_core.engines import Sampling
from mlpo_core.engines.protocol import Audience
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.serving import workbench
from mlpo_core.types import Generation, Request

_LOOK_S = 0.05
"""How often it is looked whether somebody has left."""


class Ended(Transient):
    """The process of the engines is no more."""


class _Nobody:
    """An audience that reads nothing and never leaves."""

    readers: Collection[int] = ()

    def hear(self, number: int, text: str) -> None:
        pass

    def left(self) -> Collection[int]:
        return ()


class Workshop:
    """A process that holds engines. Its engines are called by one thread at a time (`mlpo_core.serving.turns`)."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=workbench.work, args=(far,), name="engines", daemon=True)
        self._process.start()
        far.close()
        self._calls = 0

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return not self._process.is_alive()

    def open(self, config: EngineConfig, model: str, revision: str | None, trust_remote_code: bool) -> "Elsewhere":
        """Open an engine there (`mlpo_core.engines.open_engine`).

        Raises:
            BadInput: The model cannot be loaded.
            Ended: The process ended over it.
        """
        asked = workbench.Open(config, model, revision, trust_remote_code)
        return Elsewhere(self, *self.call(asked, _Nobody()))

    def call(self, asked: Any, audience: Audience) -> Any:
        """What becomes of a message of `mlpo_core.serving.workbench`.

        Raises:
            BadInput: As the engine says.
            RuntimeError: The engine failed; the process has logged how.
            Ended: The process ended over it.
        """
        self._calls += 1
        gone: set[int] = set()
        try:
            self._pipe.send((self._calls, asked))
            while True:
                if new := set(audience.left()) - gone:
                    gone |= new
                    self._pipe.send((self._calls, workbench.Left(new)))
                if not self._pipe.poll(_LOOK_S):
                    continue
                match self._pipe.recv():
                    case workbench.Heard(number, text):
                        audience.hear(number, text)
                    case workbench.Done(result):
                        return result
                    case workbench.Failed(why, bad):
                        raise BadInput(why) if bad else RuntimeError(why)
                    case other:
                        raise TypeError(f"no answer: {other!r:.100}")
        except (EOFError, OSError) as error:
            self._process.join(1)
            raise Ended(f"the process of the engines ended (exit code {self._process.exitcode})") from error

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


class Elsewhere:
    """An engine in a workshop.

    Args:
        workshop: Where.
        number: Its number there.
        max_context: Of its model.
    """

    at_once = 1

    def __init__(self, workshop: Workshop, number: int, max_context: int | None) -> None:
        self._workshop = workshop
        self._number = number
        self.max_context = max_context

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`."""
        return self.follow(requests, sampling, _Nobody())

    def follow(self, requests: Sequence[Request], sampling: Sampling, audience: Audience) -> list[Generation]:
        """See `Following.follow`."""
        asked = workbench.Follow(self._number, list(requests), sampling, frozenset(audience.readers))
        return self._workshop.call(asked, audience)

    def count_tokens(self, prompt: str) -> int:
        """See `Engine.count_tokens`."""
        return self._workshop.call(workbench.Count(self._number, prompt), _Nobody())

    def close(self) -> None:
        """Its memory is freed with the workshop's process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

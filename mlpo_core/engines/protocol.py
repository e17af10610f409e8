"""What an engine is: it generates text with one model."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, Self, runtime_checkable

from mlpo_core.types import Generation, Request


class Sampling(NamedTuple):
    """Sampling parameters of a call. Temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_new_tokens: int


class Engine(Protocol):
    """Generates text with one model. A request is a user turn, after a system message if it has one; the engine
    applies the chat template.

    Control tokens of the model's tokenizer inside a prompt are encoded as plain text.
    """

    max_context: int | None
    at_once: int
    """Calls of `generate` from as many threads keep it full; 1 where only one thread may call."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """One generation per request, in order.

        Requests that share a prompt should stand next to each other: engines may prefill it once.

        Raises:
            BadInput: A prompt plus `max_new_tokens` exceeds the model's context.
            Transient: The engine's server was away after all retries.
        """
        ...

    def count_tokens(self, prompt: str) -> int:
        """Tokens of a prompt as it is sent, template included."""
        ...

    def close(self) -> None:
        """Free the model's memory."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Audience(Protocol):
    """Follows the generations of a call while they are written, in the thread that writes them.

    Requests are named by their place in the call.
    """

    readers: Collection[int]
    """The requests whose text is wanted before it is finished."""

    def hear(self, number: int, text: str) -> None:
        """All that has been written so far for a request."""
        ...

    def left(self) -> Collection[int]:
        """The requests that nobody waits for any more: what is written ends where it is. Asked after every token."""
        ...


@runtime_checkable
class Following(Engine, Protocol):
    """An engine whose generations can be followed."""

    def follow(self, requests: Sequence[Request], sampling: Sampling, audience: Audience) -> list[Generation]:
        """`generate`, followed."""
        ...


@runtime_checkable
class Storing(Engine, Protocol):
    """An engine that does not generate what was generated before."""

    def anew(self) -> AbstractContextManager[None]:
        """Spans calls of `generate` that generate all the same, because it is their time that matters."""
        ...

"""Where endpoints are paid: what is stored is not asked again, and what arrives is stored with what it cost."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from mlpo_core.engines.openai_reply import Answered, NoAnswer
from mlpo_core.engines.openai_request import BYTES_PER_TOKEN
from mlpo_core.experiment import EngineConfig
from mlpo_core.store.answers import Answers, Stored
from mlpo_core.types import Generation

_ROOM = 4096
"""Bytes of a stored answer beside its text."""


class Till:
    """Buys answers for one engine.

    Args:
        config: Has the price.
        model: Whose answers.
        answers: Where they are kept.
    """

    def __init__(self, config: EngineConfig, model: str, answers: Answers) -> None:
        self._price = config.price
        self._at_once = config.concurrency
        self._model = model
        self._answers = answers
        self._lock = threading.Lock()
        self._hits, self._saved = 0, 0.0
        self._anew = False
        answers.open()

    @contextmanager
    def anew(self) -> Generator[None]:
        """Spans requests that are sent although their answers are stored: it is the sending that matters."""
        self._anew = True
        try:
            yield
        finally:
            self._anew = False

    def buy(self, key: str, tokens: tuple[int, int], ask: Callable[[], Answered]) -> tuple[Generation, bool]:
        """An answer, and whether it was asked for.

        Args:
            key: Of the request.
            tokens: That it may read and write.
            ask: Sends it.

        Raises:
            BadInput: The budget, or the disk, might not hold the answer; nothing was sent. Or as `ask` says.
            NoAnswer: As `ask` says; what it cost is noted.
        """
        if self._anew:
            with self._answers.setting_aside(self._dollars(*tokens)):
                made = self._asked(ask).generation
                self._answers.note({"model": self._model}, self._dollars(made.prompt_tokens, made.completion_tokens))
            return made, True
        with self._answers.asking(key, _ROOM + BYTES_PER_TOKEN * tokens[1]) as stored:
            if stored:
                self._count(stored)
                return _generation(stored), False
            with self._answers.setting_aside(self._dollars(*tokens)):
                began = time.monotonic()
                answered = self._asked(ask)
                self._keep(key, answered, time.monotonic() - began)
            return answered.generation, True

    def settle(self) -> None:
        """Write down how often answers were found since the last time."""
        with self._lock:
            hits, saved, self._hits, self._saved = self._hits, self._saved, 0, 0.0
        if hits:
            self._answers.note({"model": self._model, "hits": hits, "saved": saved})

    def close(self) -> None:
        """Buy no more."""
        self._answers.close()

    def _asked(self, ask: Callable[[], Answered]) -> Answered:
        try:
            return ask()
        except NoAnswer as nothing:
            if any(nothing.tokens):
                self._answers.note({"model": self._model}, self._dollars(*nothing.tokens))
            raise

    def _keep(self, key: str, answered: Answered, seconds: float) -> None:
        made = answered.generation
        dollars = self._dollars(made.prompt_tokens, made.completion_tokens)
        if answered.reason == "error":  # it broke off: no answer, but paid for
            self._answers.note({"model": self._model}, dollars)
            return
        stored = Stored(
            model=self._model,
            text=made.text,
            reasoning=answered.reasoning,
            prompt_tokens=made.prompt_tokens,
            cached_prompt_tokens=made.cached_prompt_tokens,
            completion_tokens=made.completion_tokens,
            finish_reason=made.finish_reason,
            seconds=seconds / self._at_once,
            at=time.time(),
        )
        self._answers.keep(key, stored, dollars)

    def _count(self, stored: Stored) -> None:
        with self._lock:
            self._hits += 1
            self._saved += self._dollars(stored.prompt_tokens, stored.completion_tokens)

    def _dollars(self, prompt_tokens: int, completion_tokens: int) -> float:
        return self._price.dollars(prompt_tokens, completion_tokens) if self._price else 0.0


def _generation(stored: Stored) -> Generation:
    return Generation(
        stored.text,
        stored.prompt_tokens,
        stored.cached_prompt_tokens,
        stored.completion_tokens,
        stored.finish_reason,
        stored.seconds,
    )

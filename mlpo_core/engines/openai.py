"""Generates through any OpenAI-compatible endpoint: many requests at once, retried with back-off."""

import math
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from mlpo_core.engines.clock import Clock
from mlpo_core.engines.deadline import Deadline
from mlpo_core.engines.limiter import Limiter
from mlpo_core.engines.openai_reply import FILTERED, Answered, NoAnswer, Reply, answered, read
from mlpo_core.engines.openai_request import body, key, most_tokens
from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.till import Till
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.messages import presentable
from mlpo_core.store.answers import Answers
from mlpo_core.types import Generation, Request

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_PATIENCE = 64
"""Requests without an answer, one after the other, after which the endpoint is broken, and not the requests."""
_CONNECT_S = 10.0
_LONGEST_HOLD_S = 3600.0
"""What an endpoint may ask to wait; one that wants more is away for now."""
_OF_THE_REQUEST = (400, 413, 414, 422, 431, 451)
"""Statuses that say that this request is refused, and nothing about the next one."""


class OpenAIEngine:
    """One model behind `engine.base_url` (up to and with `/v1`). The key is read from its `key_variable`, never shown.

    Revision and code are the endpoint's own matter.

    The endpoint applies its own chat template; its tokenizer is not at hand, so the control strings of the common
    model families are broken instead of the model's own, and `count_tokens` is an estimate.

    Raises:
        BadInput: `engine.base_url` is missing, or the endpoint refuses key or model, or answers nothing at all, or the
            budget does not hold the next request.
        Transient: The endpoint was away, or over its rate limit, after all retries.
    """

    def __init__(
        self,
        config: EngineConfig,
        model: str,
        revision: str | None = None,
        trust_remote_code: bool = False,
        *,
        answers: Answers | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not config.base_url.startswith(("http://", "https://")):
            raise BadInput(f"engine.base_url: {config.base_url!r} is not an address; expected e.g. http://host:8000/v1")
        self.max_context: int | None = config.max_model_len
        self.at_once = 2
        self._clock = Clock()
        self._model = model
        self._url = config.base_url.rstrip("/") + "/chat/completions"
        self._sleep = sleep
        self._served = False
        self._odd = 0
        self._lock = threading.Lock()
        self._parsing = threading.Lock()  # JSON takes twenty times its bytes: of one body at a time
        self._config = config
        self._limiter = Limiter(config.requests_per_minute, config.tokens_per_minute, sleep)
        secret = _key(config.key_variable)
        limits = httpx.Limits(max_connections=config.concurrency)
        headers = {"Accept-Encoding": "gzip"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
        timeout = httpx.Timeout(config.timeout_s, connect=min(_CONNECT_S, config.timeout_s))
        self._client = httpx.Client(headers=headers, timeout=timeout, limits=limits)
        self._deadline = Deadline()
        self._deadline.govern(self._client)
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="openai")
        self._till = Till(config, model, answers) if answers else None

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`. A response that is no answer is a row with its `error`, unless nothing else comes.

        Seconds are those of the whole call, as the clock divides them, over the rows that were asked for; a stored row
        has those that it took then.
        """
        started = time.monotonic()
        waiting = [self._pool.submit(self._one, request, sampling) for request in requests]
        try:
            found = [future.result() for future in waiting]
        finally:
            for future in waiting:
                future.cancel()
            if self._till:
                self._till.settle()
        asked = [made for made, was_asked in found if was_asked]
        if asked:
            self._judge(asked)
        seconds = self._clock.charge(started) / max(1, len(asked))
        return [made._replace(amortised_s=seconds) if was_asked else made for made, was_asked in found]

    def anew(self) -> AbstractContextManager[None]:
        """See `Storing.anew`."""
        return self._till.anew() if self._till else nullcontext()

    def count_tokens(self, prompt: str) -> int:
        """An estimate: a token for every three bytes, which is more than most English text takes."""
        return len(prompt.encode()) // 3 + 1

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()
        if self._till:
            self._till.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _one(self, request: Request, sampling: Sampling) -> tuple[Generation, bool]:
        """A request's answer, and whether it was sent."""
        said = body(self._config, self._model, request, sampling)
        tokens = (most_tokens(request.system + request.prompt), sampling.max_new_tokens)

        def ask() -> Answered:
            reply = self._post(said, sum(tokens))
            with self._parsing:
                found = answered(reply, request.system + request.prompt, sampling.max_new_tokens)
            self._limiter.settle(sum(tokens), found.generation.prompt_tokens + found.generation.completion_tokens)
            return found

        try:
            if self._till:
                return self._till.buy(key(self._config, request, said), tokens, ask)
            return ask().generation, True
        except NoAnswer as error:
            return Generation("", 0, 0, 0, "error", 0.0, presentable(str(error))), True

    def _judge(self, found: Sequence[Generation]) -> None:
        """Refuse an endpoint that only ever refuses: then it is the settings, and not the requests.

        What a filter withheld is the request's own matter, however often.
        """
        odd = [g.error for g in found if g.error and not g.error.startswith(FILTERED)]
        with self._lock:
            good = len(odd) < len(found)
            self._served |= good
            self._odd = 0 if good else self._odd + len(odd)
            if odd and (not self._served or self._odd >= _PATIENCE):
                raise BadInput(f"{self._url}: answered none of {self._odd} requests; the last said {odd[-1]}")

    def _post(self, said: dict[str, Any], tokens: int) -> Reply:
        wait, problem, attempts = _FIRST_WAIT_S, "", self._config.retries + 1
        for attempt in range(attempts):
            held = 0.0
            self._limiter.wait(tokens)
            try:
                with (
                    self._deadline.spent(self._config.timeout_s),
                    self._client.stream("POST", self._url, json=said) as response,
                ):
                    reply = read(response)
                if 200 <= reply.status < 300:
                    return reply
                problem = f"HTTP {reply.status}: {reply.shown}"
                advice = _advice(reply.status, self._model, self._config.key_variable)
                if reply.status in _OF_THE_REQUEST:
                    withheld = FILTERED if "content_filter" in reply.text else ""
                    raise NoAnswer(f"{withheld}{problem}. {advice}")
                if reply.status not in (408, 409, 429) and reply.status < 500:
                    raise BadInput(f"{self._url}: {problem}. {advice}")
                held = _retry_after(response)
            except httpx.TransportError as error:
                problem = presentable(f"{type(error).__name__}: {error}")
            if held > _LONGEST_HOLD_S:
                raise Transient(f"{self._url}: wants to be left alone for {held:.0f} s; it said {problem}")
            if held:
                self._limiter.hold(held)  # all threads wait, not this one alone
            elif attempt + 1 < attempts:
                # jittered, so that the requests of one rejected burst do not come back as one burst
                self._sleep(min(_LONGEST_WAIT_S, wait * random.uniform(0.5, 1.5)))  # noqa: S311 - no secret
            wait *= 2
        raise Transient(f"{self._url}: gave up after {attempts} attempts; the last said {problem}")


def _key(variable: str) -> str:
    """The key without what an editor or a mounted secret puts around it.

    Raises:
        BadInput: It holds what no header can carry. The key is not shown.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise BadInput(f"{variable}: holds spaces, line breaks or characters other than ASCII: set it to the key alone")
    return key


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the endpoint wants to be left alone, which it gives as a number or a date; 0 where it gives none."""
    given = response.headers.get("Retry-After", "")
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(seconds) else max(0.0, seconds)


def _advice(status: int, model: str, variable: str) -> str:
    match status:
        case _ if 300 <= status < 400:
            return "Redirects are not followed, so that the key stays here: set engine.base_url to the final address."
        case 401 | 403:
            return f"Set {variable} to a key that may use this endpoint."
        case 404:
            return f"Check engine.base_url, and that the endpoint serves the model {model!r}."
        case _:
            return (
                "Check the prompt's length against the model's context, and max_new_tokens. If it does not know a "
                "field: engine.send_seed: false, or another engine.max_tokens_field."
            )

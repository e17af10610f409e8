"""Generates through any OpenAI-compatible endpoint: many requests at once, retried with back-off."""

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx

from mlpo_core.engines.clock import Clock
from mlpo_core.engines.deadline import Deadline
from mlpo_core.engines.openai_reply import FILTERED, NoAnswer, Reply, generation, read
from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment import EngineConfig
from mlpo_core.messages import presentable
from mlpo_core.prompts.chat import neutralise_unknown
from mlpo_core.types import Generation, Request

_ATTEMPTS = 6
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_PATIENCE = 64
"""Requests without an answer, one after the other, after which the endpoint is broken, and not the requests."""
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_DEADLINE_S = 600.0
"""For one attempt, from its connection to the last byte of its answer, however steadily that drips."""
_OF_THE_REQUEST = (400, 413, 414, 422, 431, 451)
"""Statuses that say that this request is refused, and nothing about the next one."""


class OpenAIEngine:
    """One model behind `engine.base_url` (up to and with `/v1`). The key is read from its `key_variable`, never shown.

    Revision and code are the endpoint's own matter.

    The endpoint applies its own chat template; its tokenizer is not at hand, so the control strings of the common
    model families are broken instead of the model's own, and `count_tokens` is an estimate.

    Raises:
        BadInput: `engine.base_url` is missing, or the endpoint refuses key or model, or answers nothing at all.
        Transient: The endpoint was away, or over its rate limit, after all retries.
    """

    def __init__(
        self,
        config: EngineConfig,
        model: str,
        revision: str | None = None,
        trust_remote_code: bool = False,
        *,
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
        self._key_variable = config.key_variable
        key = _key(config.key_variable)
        limits = httpx.Limits(max_connections=config.concurrency)
        headers = {"Accept-Encoding": "gzip"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT, limits=limits)
        self._deadline = Deadline()
        self._deadline.govern(self._client)
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="openai")

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`. A response that is no answer is a row with its `error`, unless nothing else comes.

        Seconds are those of the whole call, as the clock divides them, over its rows.
        """
        started = time.monotonic()
        waiting = [self._pool.submit(self._one, request, sampling) for request in requests]
        try:
            found = [future.result() for future in waiting]
        finally:
            for future in waiting:
                future.cancel()
        self._judge(found)
        seconds = self._clock.charge(started) / max(1, len(found))
        return [g._replace(amortised_s=seconds) for g in found]

    def count_tokens(self, prompt: str) -> int:
        """An estimate: a token for every three bytes, which is more than most English text takes."""
        return len(prompt.encode()) // 3 + 1

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _one(self, request: Request, sampling: Sampling) -> Generation:
        body = {
            "model": self._model,
            "messages": [
                *([{"role": "system", "content": neutralise_unknown(request.system)}] if request.system else []),
                {"role": "user", "content": neutralise_unknown(request.prompt)},
            ],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_new_tokens,
            "seed": request.seed,
        }
        try:
            reply = self._post(body)
            with self._parsing:
                return generation(reply, request.system + request.prompt, sampling.max_new_tokens)
        except NoAnswer as error:
            return Generation("", 0, 0, 0, "error", 0.0, presentable(str(error)))

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

    def _post(self, body: dict[str, Any]) -> Reply:
        wait, problem = _FIRST_WAIT_S, ""
        for attempt in range(_ATTEMPTS):
            asked = 0.0
            try:
                with self._deadline.spent(_DEADLINE_S), self._client.stream("POST", self._url, json=body) as response:
                    reply = read(response)
                if 200 <= reply.status < 300:
                    return reply
                problem = f"HTTP {reply.status}: {reply.shown}"
                if reply.status in _OF_THE_REQUEST:
                    withheld = FILTERED if "content_filter" in reply.text else ""
                    raise NoAnswer(f"{withheld}{problem}. {_advice(reply.status, self._model, self._key_variable)}")
                if reply.status not in (408, 409, 429) and reply.status < 500:
                    raise BadInput(f"{self._url}: {problem}. {_advice(reply.status, self._model, self._key_variable)}")
                asked = _retry_after(response)
            except httpx.TransportError as error:
                problem = presentable(f"{type(error).__name__}: {error}")
            if attempt + 1 < _ATTEMPTS:
                # jittered, so that the requests of one rejected burst do not come back as one burst
                self._sleep(min(_LONGEST_WAIT_S, max(asked, wait * random.uniform(0.5, 1.5))))  # noqa: S311 - no secret
                wait *= 2
        raise Transient(f"{self._url}: gave up after {_ATTEMPTS} attempts; the last said {problem}")


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
    try:
        return float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0


def _advice(status: int, model: str, variable: str) -> str:
    match status:
        case _ if 300 <= status < 400:
            return "Redirects are not followed, so that the key stays here: set engine.base_url to the final address."
        case 401 | 403:
            return f"Set {variable} to a key that may use this endpoint."
        case 404:
            return f"Check engine.base_url, and that the endpoint serves the model {model!r}."
        case _:
            return "Check the prompt's length against the model's context, and max_new_tokens."

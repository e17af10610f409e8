"""The body of a chat completion request: read within limits, and held against what a leader can do."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from mlpo_core.serving.plan import Wishes
from mlpo_core.serving.refusal import Refusal

MOST_BYTES = 4 * 2**20
_UNSUPPORTED = {
    "tools": "tools",
    "functions": "functions",
    "response_format": "a response format",
    "logprobs": "log probabilities",
    "top_logprobs": "log probabilities",
    "logit_bias": "a bias of tokens",
    "frequency_penalty": "penalties",
    "presence_penalty": "penalties",
    "modalities": "modalities",
    "audio": "audio",
}
"""Fields that would change the answer and that no leader obeys."""
_AS_ALWAYS: tuple[Any, ...] = (None, False, 0, {}, [], {"type": "text"}, ["text"])
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Part(BaseModel):
    """One part of a message."""

    type: str
    text: str = ""


class Message(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """What it says.

        Raises:
            Refusal: A part is no text.
        """
        if isinstance(self.content, list):
            if other := next((part.type for part in self.content if part.type != "text"), None):
                raise Refusal(f"messages: a part of type {other!r:.40}: only text is read", param="messages")
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream carries beside the answer."""

    include_usage: bool = False


class Completion(BaseModel):
    """What a chat completion is asked for. Fields of no effect on the answer (`user`, `metadata`) are passed over."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    messages: list[Message] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = Field(default=1, ge=1, le=8)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: _Text | Annotated[list[_Text], Field(max_length=16)] | None = None
    include_reasoning: bool = True
    """Whether the think part is sent, as `reasoning_content`."""

    @property
    def question(self) -> str:
        """The conversation as one question: a single user message as it stands, else who said what, in turn."""
        said = [(message.role, message.text) for message in self.messages]
        if len(said) == 1:
            return said[0][1]
        return "\n\n".join(f"{role.capitalize()}: {text}" for role, text in said if text.strip())

    @property
    def wishes(self) -> Wishes:
        """What is wanted otherwise than the experiment says."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        most = self.max_completion_tokens or self.max_tokens
        return Wishes(self.seed, self.temperature, self.top_p, most, stop)


async def read(request: Request) -> Completion:
    """The body of a request.

    Raises:
        Refusal: It is too large, no JSON, or asks for what there is not; names the field.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(f"Content-Type is {kind!r:.60}: send application/json", 415)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise Refusal(f"the body is larger than {MOST_BYTES // 2**20} MiB", 413, "request_too_large")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"the body is no JSON: {error}"[:300]) from error
    try:
        found = Completion.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(place) for place in first["loc"])
        raise Refusal(f"{where or 'body'}: {first['msg']}", param=where or None) from error
    for name, value in (found.model_extra or {}).items():
        if name in _UNSUPPORTED and value not in _AS_ALWAYS:
            raise Refusal(f"{name}: a leader has no {_UNSUPPORTED[name]}", code="unsupported_parameter", param=name)
    return found

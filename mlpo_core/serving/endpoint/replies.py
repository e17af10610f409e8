"""What is sent back, in OpenAI's shapes."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from starlette.responses import JSONResponse

from mlpo_core.serving import Answer
from mlpo_core.serving.refusal import Refusal
from mlpo_core.serving.thinking import Parts

DONE = b"data: [DONE]\n\n"


class Frame(NamedTuple):
    """What all replies to a request share.

    Attributes:
        id: Of the completion.
        model: Virtual model.
        created: Unix seconds.
        reasoning: Whether the think part is sent.
    """

    id: str
    model: str
    created: int
    reasoning: bool

    def completion(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """The whole answer."""
        choices = [
            {"index": index, "message": self._message(answer.parts), "logprobs": None, "finish_reason": ended(answer)}
            for index, answer in enumerate(answers)
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": usage(answers), "mlpo": behind(answers)}

    def chunk(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        """A piece of one choice."""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def last(self, answers: Sequence[Answer]) -> bytes:
        """The piece that says what the answer cost."""
        head = self._head("chat.completion.chunk")
        return event({**head, "choices": [], "usage": usage(answers), "mlpo": behind(answers)})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _message(self, parts: Parts) -> dict[str, Any]:
        thought = {"reasoning_content": parts.reasoning} if self.reasoning and parts.reasoning else {}
        return {"role": "assistant", "content": parts.content, **thought}


def ended(answer: Answer) -> str:
    """Why an answer ended, in OpenAI's words."""
    return "length" if answer.finish_reason == "length" else "stop"


def usage(answers: Sequence[Answer]) -> dict[str, Any]:
    """Tokens of every call behind some answers, and what each member spent."""
    calls = [call for answer in answers for call in answer.calls]
    read, written = sum(c.prompt_tokens for c in calls), sum(c.completion_tokens for c in calls)
    members: dict[str, dict[str, float]] = {}
    for answer in answers:
        for name, spent in answer.members.items():
            known = members.setdefault(name, dict.fromkeys(asdict(spent), 0))
            for field, value in asdict(spent).items():
                known[field] = round(known[field] + value, 4)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written, "members": members}


def behind(answers: Sequence[Answer]) -> dict[str, Any]:
    """Who was missing, and how long it took."""
    return {
        "absent": [absent._asdict() for answer in answers for absent in answer.absent],
        "seconds": round(max(answer.seconds for answer in answers), 4),
    }


def model(name: str) -> dict[str, Any]:
    """A virtual model as `/v1/models` lists it."""
    return {"id": name, "object": "model", "created": int(time.time()), "owned_by": "mlpo"}


def error(refusal: Refusal) -> dict[str, Any]:
    """A refusal as OpenAI's clients read it."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(refusal.status, "server_error" if refusal.status >= 500 else "invalid_request_error")
    return {"error": {"message": str(refusal), "type": kind, "param": refusal.param, "code": refusal.code}}


def refused(refusal: Refusal) -> JSONResponse:
    """The response to a request that is not answered."""
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return JSONResponse(error(refusal), refusal.status, headers)


def event(data: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()

"""Read the verdict out of a judge's reply: one JSON object, whatever stands around it."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ValidationError

from mlpo_core.grading.extract import spoken
from mlpo_core.types import Generation

_TRIES = 500
"""Places at which an object may begin."""
_SHOWN = 80
_REASON = 2_000


class Said(NamedTuple):
    """A verdict and its reason, or why there is none: then `right` is None."""

    right: bool | None
    reason: str


class _Verdict(BaseModel):
    verdict: Annotated[
        Literal["right", "wrong"], BeforeValidator(lambda v: v.strip().lower() if isinstance(v, str) else v)
    ]
    reason: str = ""


def said(reply: Generation) -> Said:
    """What a reply says. Several verdicts count only where they agree: one of them may be quoted from the answer."""
    if reply.error:
        return Said(None, f"no reply: {reply.error}")
    text = spoken(reply.text)
    given = [found for found in _objects(text) if "verdict" in found]
    try:
        verdicts = [_Verdict.model_validate(found) for found in given]
    except ValidationError:
        return Said(None, f"its verdict is neither right nor wrong: {json.dumps(given[-1])[:_SHOWN]}")
    if not verdicts:
        cut = " and was cut off at grading.judge.max_new_tokens" if reply.finish_reason == "length" else ""
        return Said(None, f"its reply is no JSON with a verdict{cut}: {' '.join(text.split())[:_SHOWN]!r}")
    if len({found.verdict for found in verdicts}) > 1:
        return Said(None, "its reply has several verdicts")
    return Said(verdicts[-1].verdict == "right", verdicts[-1].reason[:_REASON])


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text that stand in no other."""
    decoder, start = json.JSONDecoder(), 0
    for _ in range(_TRIES):
        start = text.find("{", start)
        if start < 0:
            return
        try:
            found, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start += 1
        else:
            yield found

"""One stored answer is one line: `check key payer dollars {json}`. What is torn or damaged is no line.

`check` is a hash of the rest. Two lines with one check are one record, however often folding has copied it. A line
whose key is `-` holds no answer: money that was spent on none, answers that were taken from the store, or what is left
of a pruned line.
"""

import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

NO_KEY = "-"
NOBODY = "-"
_CHECK = 16
_HEAD = 5


class Stored(BaseModel):
    """An answer, and what it cost."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str
    text: str
    reasoning: str = ""
    """What the endpoint gave beside the text as its reasoning."""
    prompt_tokens: int = Field(ge=0, lt=2**31)
    cached_prompt_tokens: int = Field(ge=0, lt=2**31)
    completion_tokens: int = Field(ge=0, lt=2**31)
    finish_reason: Literal["stop", "length", "error"]
    seconds: float = Field(ge=0, allow_inf_nan=False)
    """Of the request, divided by how many were under way."""
    at: float = Field(ge=0, allow_inf_nan=False)
    """When it arrived, in seconds since 1970."""


class Line(NamedTuple):
    """A line that is whole.

    Attributes:
        check: Hash of the rest.
        key: Of the request, or `-`.
        payer: The experiment that paid, or `-`.
        dollars: What it cost; 0 where no price was given.
        body: JSON.
    """

    check: str
    key: str
    payer: str
    dollars: float
    body: bytes

    def fields(self) -> dict[str, Any]:
        """What the body holds; nothing where that is no mapping."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def answer(self) -> Stored | None:
        """The answer, unless the line holds none."""
        try:
            return Stored.model_validate_json(self.body)
        except ValidationError:
            return None


def written(key: str, payer: str, dollars: float, fields: Mapping[str, Any]) -> bytes:
    """A line with a line break; no two are the same, unless `fields` says of which line one is what is left."""
    unique = fields if "of" in fields else {**fields, "id": uuid.uuid4().hex}
    head = f"{key} {payer or NOBODY} {dollars!r} {json.dumps(unique, ensure_ascii=True)}".encode()
    return _check(head) + b" " + head + b"\n"


def left_of(line: Line) -> bytes:
    """The money of a line whose answer is deleted."""
    return written(NO_KEY, line.payer, line.dollars, {"of": line.check})


def parsed(raw: bytes) -> Line | None:
    """A line without its line break; None where it is damaged."""
    check, _, rest = raw.partition(b" ")
    if check != _check(rest):
        return None
    try:
        key, payer, dollars, body = rest.split(b" ", _HEAD - 2)
        spent = float(dollars)
        found = Line(check.decode(), key.decode(), payer.decode(), spent, body)
    except ValueError:
        return None
    return found if math.isfinite(spent) and spent >= 0 else None


def whole(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where every line with its line break begins, and the line without it. What follows the last one is not given."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield start, data[start:end]
        start = end + 1


def _check(rest: bytes) -> bytes:
    return hashlib.sha256(rest).hexdigest()[:_CHECK].encode()

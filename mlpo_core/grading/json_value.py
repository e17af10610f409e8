"""Grade answers that are JSON: equal to a value, at a path of what was answered or as a whole, or valid by a schema.

The gold answer is the value itself, or an object that says more: `{"$path": "a.b.0", "$equals": 3}` looks at a part,
`{"$matches": {…}}` is a JSON schema, and both may be together.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, cast

from mlpo_core.grading.dressing import plain
from mlpo_core.grading.extract import tagged, visible
from mlpo_core.types import Verdict

DEEPEST = 32
"""Lists and objects inside one another."""
LONGEST = 50_000
"""Characters of JSON that are read."""
_TRIED = 100
_SHOWN = 2_000
_LANGUAGE = re.compile(r"json[c5]?\s", re.IGNORECASE)
_STEP = re.compile(r"\.?([^.\[\]]{1,200})|\[(\d{1,6})\]")
_OPENING = re.compile(r"(?m)^[ \t]{0,20}(?=[{\[])")
_WORDS = frozenset({"$path", "$equals", "$matches"})
_NO_ANSWERS: tuple[Any, ...] = (None, 0, "", [], {})
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Wanted(NamedTuple):
    """What a gold answer asks for: `equals` counts only where `compared`, a schema only where it is not None."""

    path: tuple[str, ...]
    compared: bool
    equals: Any
    schema: Any


def grade_json(gold: str, response: str) -> Verdict:
    """Compare the JSON that a response answers with: in its answer tag, a fenced block, or on lines of its own."""
    text = _given(response)
    if text is None:
        return Verdict(None, False)
    wanted, value = _wanted(gold), _load(text)
    shown = json.dumps(value, ensure_ascii=False, sort_keys=True)[:_SHOWN]
    try:
        part = _at(value, wanted.path)
    except LookupError:
        return Verdict(shown, False)
    right = not wanted.compared or _same(part, wanted.equals)
    return Verdict(shown, right and (wanted.schema is None or _valid(part, wanted.schema)))


def problem(gold: str) -> str | None:
    """Why a text cannot be the gold answer; None where it can."""
    try:
        wanted = _wanted(gold)
    except (ValueError, RecursionError) as error:
        return f"no JSON answer: {error}"
    if wanted.schema is None:
        return None
    if any(key in _REFERENCES and not str(value).startswith("#") for key, value in _members(wanted.schema)):
        return "$matches: a schema that refers to another document"
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(wanted.schema)
    except SchemaError as error:
        return f"$matches: no JSON schema: {error.message:.200}"
    if not wanted.compared and all(_valid(value, wanted.schema) for value in _NO_ANSWERS):
        return "$matches: a schema that every value is valid by"
    return None


def example(gold: str) -> str | None:
    """An answer that is right, where the gold answer tells one: a schema alone does not."""
    wanted = _wanted(gold)
    if not wanted.compared:
        return None
    value = wanted.equals
    for step in reversed(wanted.path):
        if step.isdecimal():
            return None
        value = {step: value}
    return json.dumps(value)


def _given(response: str) -> str | None:
    """The JSON text that a response gives as its answer: the last one."""
    text = visible(response)
    marked = tagged(text)
    text = text if marked is None else marked
    fenced = [block for block in text.split("```")[1::2] if block.strip()]
    whole = fenced[-1] if fenced else text.strip().strip("`")
    whole = _LANGUAGE.sub("", whole, count=1) if _LANGUAGE.match(whole) else whole
    if _is_json(whole):
        return whole
    if marked is not None:
        return None
    decoder, found, end = _decoder(), None, 0
    for opening in list(_OPENING.finditer(text))[-_TRIED:]:
        if opening.end() < end:
            continue
        try:
            _, end = decoder.raw_decode(text, opening.end())
        except (ValueError, RecursionError):
            continue
        found = text[opening.end() : end]
    return found if found is not None and _is_json(found) else None


def _is_json(text: str) -> bool:
    try:
        _load(text)
    except (ValueError, RecursionError):
        return False
    return True


def _load(text: str) -> Any:
    """A value; ValueError where it is too long or too deep, holds a name twice, or a number that is none."""
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    value = _decoder().decode(text.strip())
    if _depth(value) > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return value


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth, level = depth + 1, [child for parent in level for child in _children(parent)]
    return depth


def _members(value: Any) -> Iterable[tuple[str, Any]]:
    """All names with their values, at every depth."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield from cast("dict[str, Any]", here).items()
        waiting += _children(here)


@lru_cache(256)
def _wanted(gold: str) -> Wanted:
    value = _load(plain(gold))
    if not isinstance(value, dict) or not value or not value.keys() <= _WORDS:
        return Wanted((), True, value, None)
    said = cast("dict[str, Any]", value)
    if said.keys() == {"$path"}:
        raise ValueError("$path needs $equals or $matches beside it")
    path, schema = said.get("$path", ""), said.get("$matches")
    if not isinstance(path, str) or not isinstance(schema, dict | bool | None):
        raise ValueError("$path is a text such as a.b.0, $matches a JSON schema")
    return Wanted(_steps(path), "$equals" in said, said.get("$equals"), schema)


def _steps(path: str) -> tuple[str, ...]:
    rest = path.removeprefix("$")
    steps: list[str] = []
    while rest:
        step = _STEP.match(rest)
        if not step:
            raise ValueError(f"$path: {path!r:.80} is no path such as a.b.0")
        steps.append(step[1] or step[2])
        rest = rest[step.end() :]
    return tuple(steps)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    """The part at a path; LookupError where there is none."""
    for step in path:
        if isinstance(value, list) and step.isdecimal():
            value = cast("list[Any]", value)[int(step)]
        elif isinstance(value, dict):
            value = cast("dict[str, Any]", value)[step]
        else:
            raise LookupError(step)
    return value


def _same(a: Any, b: Any) -> bool:
    """Whether two values are equal: numbers by their value, and no truth value is a number."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        x, y = cast("dict[str, Any]", a), cast("dict[str, Any]", b)
        return x.keys() == y.keys() and all(_same(x[name], y[name]) for name in x)
    if isinstance(a, list) and isinstance(b, list):
        left, right = cast("list[Any]", a), cast("list[Any]", b)
        return len(left) == len(right) and all(map(_same, left, right))
    return a == b


def _valid(value: Any, schema: Any) -> bool:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # An empty registry, so that a schema cannot make anybody ask another host.
    return Draft202012Validator(schema, registry=Registry()).is_valid(value)

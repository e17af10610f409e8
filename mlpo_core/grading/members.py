"""Grade answers that are a set: the same members in any order, none missing and none too many."""

import json
import re
from fractions import Fraction
from typing import Any, cast

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.exact import normalise
from mlpo_core.grading.extract import Statement, statements
from mlpo_core.grading.stated import introduced
from mlpo_core.types import Verdict

MOST_MEMBERS = 1_000
_LONGEST = 20_000
_MARK = re.compile(r"\s{0,8}(?:\d{1,3}[.)]|[-*•])\s{1,8}(?=\S)")
_LAST_AND = re.compile(r",?\s(?:and|&)\s(?=[^,;]{1,200}\Z)")
_NUMBER = re.compile(r"[+-]?\d{1,60}(?:\.\d{1,60})?")
_OPENING = {"{": "}", "[": "]", "(": ")"}
_LATEX = ((r"\{", "{"), (r"\}", "}"), (r"\left", ""), (r"\right", ""), ("$", ""), (r"\,", " "))


def grade_members(gold: str, response: str, question: str = "") -> Verdict:
    """Compare the members that a response lists with those of the gold set.

    Both are a JSON list, lines, or texts divided by semicolons or else by commas, in brackets or not; members are
    compared as texts are, and numbers by their value.
    """
    wanted = members(gold)
    for place in statements(without_question(response, question)):
        for text in _listed(place):
            readings = _readings(text)
            if any(readings):
                found = wanted if wanted in readings else readings[0]
                return Verdict(json.dumps(sorted(found), ensure_ascii=False)[:_LONGEST], found == wanted)
    return Verdict(None, False)


def members(text: str) -> frozenset[str]:
    """The members that a gold answer lists."""
    return _readings(text)[0]


def problem(gold: str) -> str | None:
    """Why a text cannot be a gold set; None where it can."""
    count = len(members(gold)) if len(gold) <= _LONGEST else MOST_MEMBERS + 1
    if count > MOST_MEMBERS:
        return f"a set of more than {MOST_MEMBERS} members, or {_LONGEST} characters"
    return None if count else "a set without a member"


def _listed(place: Statement) -> list[str]:
    """What a place lists: a list that goes on over several lines, or its text."""
    if not place.explicit:
        return [introduced(place.text)]
    rest = place.rest.split("\n\n", 1)[0].strip(" :*_\n")
    if _MARK.match(place.text) and _MARK.match(rest):
        return [rest]
    return [place.text] if ":" not in place.text else [introduced(place.text)]


def _readings(text: str) -> list[frozenset[str]]:
    """The sets that a text may mean: with its last "and" as a divider, and with it as a part of a member."""
    text = text[: _LONGEST + 1].strip()
    listed = _json_list(text)
    if listed is not None:
        return [_set(listed)]
    for code, sign in _LATEX:
        text = text.replace(code, sign)
    text = text.strip(" \t\r\n.*`")
    if len(text) > 1 and _OPENING.get(text[0]) == text[-1]:
        text = text[1:-1]
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1:
        return [_set(_MARK.sub("", line, count=1).strip().rstrip(",;") for line in lines)]
    text = _MARK.sub("", text, count=1) if lines and _MARK.match(text) else text
    divider = ";" if ";" in text else ","
    whole = _set(text.split(divider))
    parted = _set(_LAST_AND.sub(divider, text).split(divider))
    return list(dict.fromkeys((whole, parted)))


def _set(texts: Any) -> frozenset[str]:
    return frozenset(member for text in texts if (member := _member(text)))


def _member(text: str) -> str:
    plain = normalise(text)
    return str(Fraction(plain)) if _NUMBER.fullmatch(plain) else plain


def _json_list(text: str) -> list[str] | None:
    """The members of a JSON list of texts, numbers and truth values; None for what is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    items = cast("list[Any]", found)
    if not all(isinstance(item, str | int | float) for item in items):
        return None
    return [item if isinstance(item, str) else json.dumps(item) for item in items]

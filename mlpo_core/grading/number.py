"""Grade answers that are one number: separators, units, currency, fractions, LaTeX, words. Two numbers are none."""

import itertools
import math
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.extract import statements
from mlpo_core.grading.hedges import bounded, denied, main_clause
from mlpo_core.grading.words import CHANGED, NUMBER_WORDS, changed, value_of, without_unicode_numbers
from mlpo_core.types import Verdict

_DIGITS = r"(?<!\d)(?:\d{1,3}(?:,\d{3}){1,130}(?![\d])|\d{1,400}(?!\d))(?:\.\d{1,400})?|(?<![\d.])\.\d{1,400}"
_NUMBER = re.compile(
    rf"""
      (?P<minus>(?:\bminus\s|\bnegative\s|-\s?))?(?:[$€£¥]\s?)?
      (?:\\[dt]?frac\s?\{{(?P<top>-?\d{{1,60}})\}}\s?\{{(?P<bottom>\d{{1,60}})\}}
        |(?:(?P<whole>(?<![\d.])\d{{1,9}})\s(?=\d{{1,9}}/\d))?(?P<digits>{_DIGITS})
         (?:\s?/\s?(?P<over>\d{{1,60}})(?![\d/])
           |(?:\s?(?:×|\*|·|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{{?|[eE])(?P<power>[+-]?\d{{1,3}})\}}?
           |\s?(?:\^|\*\*)\s?\{{?(?P<raised>[+-]?\d{{1,3}})\}}?)?)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PARTS = re.compile(r"\s?[:(]|,?\s(?:namely|including|consisting|made\sup|comprising|i\.e\.|that\sis)\b")
_UNIT = r"(?:\s?[A-Za-z%°'\"]{1,20}){0,2}"
_CONNECTED = re.compile(
    rf"{_UNIT}\s{{0,3}}(?:,\s?(?:and|or)?|;|/|\b(?:and/or|or|and|to|through)\b|[-–—~]|\.{{2,3}}|…|)\s{{0,3}}(?:maybe\s|possibly\s|even\s)?\Z",
    re.IGNORECASE,
)
_OPERATOR = re.compile(
    r"\s?(?:[+*×÷^]|\\times|\\cdot|\\div|\\pm|±|\b(?:plus|minus|times)\b|(?<=\s)[-/](?=\s))\s?\Z", re.IGNORECASE
)
_TOLERANCE = 1e-6
_LARGEST_POWER = 1_000


class _Found(NamedTuple):
    value: Fraction | None
    start: int
    end: int


def grade_number(gold: str, response: str, question: str = "") -> Verdict:
    """Compare the number that a response states with the gold one: exactly, or to 1e-6 where decimals are involved."""
    response = without_question(response, question)
    wanted = _values(_clean(gold))
    for place in statements(response):
        text = _clean(place.text)
        if _values(text):
            value = _stated(text) if place.explicit else _concluded(text)
            if value is None:
                return Verdict(None, False)
            return Verdict(
                _write(value), bool(wanted) and wanted[0].value is not None and _equal(value, wanted[0].value)
            )
    return Verdict(None, False)


def _clean(text: str) -> str:
    text = without_unicode_numbers(text).replace("{,}", ",")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "\\" in text:
        text = re.sub(r",\\[!,;:]\s?|\\[!,;:]", lambda m: "," if m.group()[0] == "," else "", text)
    return re.sub(r"[*]{2,3}|[`]|(?<=\s)\*|\*(?=\s)(?!\s?\d)", "", text)


def _stated(text: str) -> Fraction | None:
    """The number of a marked answer."""
    if denied(text):
        return None
    head = main_clause(text) if _values(main_clause(text)) else text
    if "=" in head:
        return _single(head.rsplit("=", 1)[1], last=True) if _values(head.rsplit("=", 1)[1]) else None
    return _single(head, last=False)


def _concluded(text: str) -> Fraction | None:
    """The number that the last sentence with one comes to."""
    lines = [line for line in text.split("\n") if line.strip()]
    for line in lines[::-1][:200]:
        for sentence in re.split(r"(?<=[.!?])\s", line)[::-1]:
            if not _values(sentence):
                continue
            if "=" in sentence and _values(sentence.rsplit("=", 1)[1]):
                return _single(sentence.rsplit("=", 1)[1], last=True)
            return _single(sentence, last=True)
    return None


def _single(text: str, last: bool) -> Fraction | None:
    """The number of a clause: the total before its parts; none where it names two, a bound or a sum to be done."""
    found = _values(text)
    parts = _PARTS.search(text, found[0].end)
    if parts:
        found = [number for number in found if number.end <= parts.start()] or found[:1]
    for a, b in itertools.pairwise(found[-2:] if last else found):
        gap = text[a.end : b.start]
        gap += text[b.start : b.start + 1] if text[b.start] == "-" and text[b.start - 1] != " " else ""
        if _OPERATOR.search(gap) or (_CONNECTED.match(gap) and a.value != b.value):
            return None
    chosen = found[-1 if last else 0]
    if bounded(text[: chosen.start]):
        return None
    return chosen.value


def _values(text: str) -> list[_Found]:
    found = [_found(m, text) for m in _NUMBER.finditer(text)]
    if found:
        return found
    words = NUMBER_WORDS.finditer(text)
    return [_Found((-1 if m["minus"] else 1) * value_of(m["words"]), m.start(), m.end()) for m in words]


def _found(match: re.Match[str], text: str) -> _Found:
    value = _value(match, text)
    word = CHANGED.match(text, match.end())
    if value is not None and word:
        return _Found(changed(value, word["word"]), match.start(), word.end())
    return _Found(value, match.start(), match.end())


def _value(match: re.Match[str], text: str) -> Fraction | None:
    before = text[match.start() - 1 : match.start()]
    if match["top"]:
        if not int(match["bottom"]):
            return None
        value = Fraction(int(match["top"]), int(match["bottom"]))
    else:
        value = Fraction(match["digits"].replace(",", ""))
        if match["over"]:
            if not int(match["over"]):
                return None
            value = int(match["whole"] or 0) + value / int(match["over"])
        if match["power"]:
            value *= Fraction(10) ** int(match["power"])
        if match["raised"]:
            if abs(int(match["raised"])) > _LARGEST_POWER or value.numerator > 999 or not value:
                return None
            value **= int(match["raised"])
    # In "9-4" and "x-4" the dash subtracts; in "is -4", "(-4" and "--4" it is a sign.
    negative = match["minus"] and not (match["minus"][0] == "-" and (before.isalnum() or before == ")"))
    return -value if negative else value


def _equal(value: Fraction, gold: Fraction) -> bool:
    if value == gold:
        return True
    if value.denominator == 1 and gold.denominator == 1:
        return False
    try:
        return math.isclose(value, gold, rel_tol=_TOLERANCE)
    except OverflowError:
        return False


def _write(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    try:
        return repr(float(value))
    except OverflowError:
        return f"{value.numerator}/{value.denominator}"

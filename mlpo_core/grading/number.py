"""Grade answers that are one number: separators, units, currency, fractions, LaTeX, words. Two numbers are none."""

import itertools
import math
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from mlpo_core.grading.cues import NOT_BUT
from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.extract import statements
from mlpo_core.grading.hedges import bounded, denied, main_clause, open_ended
from mlpo_core.grading.words import CHANGED, NUMBER_WORDS, changed, value_of, without_unicode_numbers
from mlpo_core.types import Verdict

_DIGITS = (
    r"(?<!\d)(?:\d{1,3}(?:,\d{3}){1,130}(?!\d)"
    r"|\d{1,3}(?:[ '’]\d{3}){1,130}(?![\d/]|[ '’.]\d)|\d{1,400}(?!\d))(?:\.\d{1,400})?"
    r"|(?<![\d.])\.\d{1,400}"
)
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
_OPERATED = re.compile(
    r"(?:\b(?:half|twice|double|triple|thrice|quarter|third|(?:square|cube)(?:\sroot)?|factorial|reciprocal|negative|log|ln|sqrt|sin|cos|tan)"
    r"(?:\sof)?\s?(?:the\s|[({]\s?)?|[√|]\s?|\\(?:sqrt|log|ln|sin|cos|tan|binom)\s?[({]?\s?)\Z",
    re.IGNORECASE,
)
"""What stands before a number that is only a part of what is meant: half of it, its root, its size."""
_IS = re.compile(r"\b(?:is|are|equals?|gives?|makes?|get|leaves?|totals?|becomes?)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:step|part|case|question|q|problem|task|item|example|line|round|no\.?|number)\s?#?\Z", re.IGNORECASE
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
_ATTACHED = re.compile(r"(?<=\d)[kKM](?![A-Za-z])")
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
    text = without_unicode_numbers(text).replace("{,}", ",").replace("!=", "≠")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "\\" in text:
        text = re.sub(r",\\[!,;:]\s?|\\[!,;:]", lambda m: "," if m.group()[0] == "," else "", text)
    text = re.sub(r"(?<![\w)])-\s?\((\d{1,400}(?:\.\d{1,400})?)\)", r"-\1", text)
    return re.sub(r"[*]{2,3}|[`]|(?<=\s)\*|\*(?=\s)(?!\s?\d)", "", text)


def _stated(text: str) -> Fraction | None:
    """The number of a marked answer."""
    if denied(text):
        return None
    head = main_clause(text) if _values(main_clause(text)) else text
    if "=" in head and (total := _total_first(head)) is not None:
        return total
    if "=" in head:
        return _single(head.rsplit("=", 1)[1], last=True) if _values(head.rsplit("=", 1)[1]) else None
    return _single(head, last=False)


def _total_first(text: str) -> Fraction | None:
    """The number before a sum that it comes to: "12 = 3 + 9"."""
    left, right = text.rsplit("=", 1)
    if "=" in left or len(_values(left)) != 1 or not re.search(r"\d\s?[-+*×/÷]\s?\d", right):
        return None
    return _values(left)[0].value


def _concluded(text: str) -> Fraction | None:
    """The number that the last sentence with one comes to."""
    lines = [line for line in text.split("\n") if line.strip()]
    for line in lines[::-1][:200]:
        for sentence in re.split(r"(?<=[.!?])\s", line)[::-1]:
            if not _values(sentence):
                continue
            sentence = NOT_BUT.sub("", sentence)
            if "=" in sentence and (total := _total_first(sentence)) is not None:
                return total
            if "=" in sentence and _values(sentence.rsplit("=", 1)[1]):
                return _single(sentence.rsplit("=", 1)[1], last=True)
            return _single(sentence, last=True)
    return None


def _single(text: str, last: bool) -> Fraction | None:
    """The number of a clause: the total before its parts; none where it names two, a bound or a sum to be done."""
    found = _values(text)
    numbered = (
        len(found) > 1 and _LABEL.search(text[: found[0].start]) and text[found[0].end :].lstrip()[:1] in (":", ".")
    )
    found = found[1:] if numbered else found
    parts = _PARTS.search(text, found[0].end)
    if parts:
        found = [number for number in found if number.end <= parts.start()] or found[:1]
    for a, b in itertools.pairwise(found[-2:] if last else found):
        gap = text[a.end : b.start]
        gap += text[b.start : b.start + 1] if text[b.start] == "-" and text[b.start - 1] != " " else ""
        if _IS.search(gap):
            continue
        if _OPERATOR.search(gap) or (_CONNECTED.match(gap) and a.value != b.value):
            return None
    chosen = found[-1 if last else 0]
    before, after = text[: chosen.start][-40:], text[chosen.end :][:40]
    if bounded(before) or open_ended(after) or _operated(before, text[chosen.start]) or re.match(r":\d\d(?!\d)", after):
        return None
    return chosen.value


def _operated(before: str, sign: str) -> bool:
    """Whether something is to be done to the number that stands after this: "half of", "√", a second minus."""
    return _OPERATED.search(before) is not None or (sign == "-" and re.search(r"-\s?\(?\s?\Z", before) is not None)


def _values(text: str) -> list[_Found]:
    found = [_found(m, text) for m in _NUMBER.finditer(text)]
    if found:
        return found
    return [_in_words(m, text) for m in NUMBER_WORDS.finditer(text)]


def _in_words(match: re.Match[str], text: str) -> _Found:
    value = value_of(match["words"])
    word = CHANGED.match(text, match.end())
    value = changed(value, word["word"]) if word else value
    signed = -value if value is not None and match["minus"] else value
    return _Found(signed, match.start(), word.end() if word else match.end())


def _found(match: re.Match[str], text: str) -> _Found:
    value = _value(match, text)
    if value is not None and (large := _ATTACHED.match(text, match.end())):
        return _Found(value * (1000 if large.group() in "kK" else 10**6), match.start(), large.end())
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
        value = Fraction(re.sub(r"[, '’]", "", match["digits"]))
        if match["over"]:
            if not int(match["over"]):
                return None
            value = int(match["whole"] or 0) + value / int(match["over"])
            if value.denominator == 1:
                return None  # a division to be done
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

"""Grade answers that are one number: thousands separators, units, currency, fractions, LaTeX and words up to twenty."""

import math
import re
import unicodedata
from fractions import Fraction

from mlpo_core.grading.extract import statements
from mlpo_core.types import Verdict

_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,12}|\d{1,60})(?:\.\d{1,60})?|\.\d{1,60}"
_NUMBER = re.compile(
    rf"""
      (?P<minus>-\s?)?(?:[$€£¥]\s?)?
      (?:\\[dt]?frac\s?\{{(?P<top>-?\d{{1,60}})\}}\s?\{{(?P<bottom>\d{{1,60}})\}}
        |(?P<digits>{_DIGITS})(?:\s?/\s?(?P<over>\d{{1,60}})(?![\d/])|(?:\s?(?:×|\*|\\times)\s?10\s?(?:\^|\*\*)\s?\{{?|[eE])(?P<power>[+-]?\d{{1,3}})\}}?)?)
    """,
    re.VERBOSE,
)
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_TOLERANCE = 1e-6


def grade_number(gold: str, response: str) -> Verdict:
    """Compare the number that a response states with the gold one: exactly, or to 1e-6 where decimals are involved."""
    wanted = _values(gold)
    for place in statements(response):
        values = _values(place.text)
        if values:
            equation = "=" in place.text or not place.explicit
            value = values[-1] if equation else values[0]
            return Verdict(_write(value), bool(wanted) and _equal(value, wanted[0]))
    return Verdict(None, False)


def _values(text: str) -> list[Fraction]:
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-").replace("{,}", ",")
    text = re.sub(r",\\[!,;:]\s?|\\[!,;:]", lambda m: "," if m.group()[0] == "," else "", text)
    found = [value for match in _NUMBER.finditer(text) if (value := _value(match, text)) is not None]
    return found or [Fraction(_WORDS.index(m.group().lower())) for m in _WORD.finditer(text)]


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
            value /= int(match["over"])
        if match["power"]:
            value *= Fraction(10) ** int(match["power"])
    # In "9-4" and "x-4" the dash subtracts; in "is -4", "(-4" and "--4" it is a sign.
    negative = match["minus"] and not (before.isalnum() or before == ")")
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

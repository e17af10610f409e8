"""Numbers written in words or in Unicode, and the words after a number that change its value."""

import re
import unicodedata
from fractions import Fraction

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: value for value, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), 2)}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SCALES = {"hundred": 100, "dozen": 12, "score": 20, **_LARGE}
_WORDS = "|".join(sorted([*_UNITS, *_TENS, *SCALES], key=len, reverse=True))
NUMBER_WORDS = re.compile(
    rf"(?<![\w-])(?:(?P<minus>minus|negative)\s)?(?P<words>(?:{_WORDS})(?:(?:[\s-]|\sand\s)(?:{_WORDS})){{0,12}})(?![\w-])",
    re.IGNORECASE,
)
CHANGED = re.compile(
    rf"[\s~\\,}}]{{0,4}}(?P<word>{'|'.join(SCALES)}|halves|half|thirds|quarters|fourths|fifths|squared|cubed|factorial|and\s(?:a|one)\s(?:half|quarter|third)|!(?!=))s?(?![a-z])",
    re.IGNORECASE,
)
"""A word after a number that makes it another: "5 million", "5 halves", "5 squared"."""
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourths": 4, "fifths": 5}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,20}")
_VULGAR = re.compile("[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒]")


def value_of(words: str) -> Fraction:
    """The value of number words: "two hundred and five" is 205, "twenty-one" 21."""
    total = current = 0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _LARGE:
            total, current = total + (current or 1) * _LARGE[word], 0
        elif word in SCALES:
            current = (current or 1) * SCALES[word]
        elif word != "and":
            current += _UNITS.get(word, _TENS.get(word, 0))
    return Fraction(total + current)


def changed(value: Fraction, word: str) -> Fraction | None:
    """What a number and the word after it come to; None where that is left to be worked out ("5 factorial")."""
    word = word.lower()
    if word.startswith("and"):
        return value + Fraction(1 if value >= 0 else -1, _PARTS[word.split()[-1]])
    if word in SCALES:
        return value * SCALES[word]
    if word in _PARTS:
        return value / _PARTS[word]
    powers = {"squared": 2, "cubed": 3}
    return value ** powers[word] if word in powers and abs(value) < 10**6 else None


_FRACTION = re.compile(
    r"(?P<minus>(?:minus|negative)\s)?(?:(?P<whole>\w{1,12}(?:-\w{1,12})?)\sand\s)?(?:(?P<top>a|an|one|two|three|four|five|six|seven|eight|nine)[\s-])?"
    r"(?P<part>hal(?:f|ves)|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?)",
    re.IGNORECASE,
)
_PART_NAMES = ("hal", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def fraction_in_words(text: str) -> Fraction | None:
    """The value of a text that is a fraction in words: "three quarters", "minus one half", "three and a half"."""
    match = _FRACTION.fullmatch(text)
    if not match:
        return None
    part = match["part"].lower().replace("quarter", "fourth")
    bottom = next(i for i, name in enumerate(_PART_NAMES, 2) if part.startswith(name))
    top = _UNITS.get((match["top"] or "one").lower(), 1)
    whole = match["whole"] or "zero"
    if not whole.isdigit() and not NUMBER_WORDS.fullmatch(whole):
        return None
    value = (Fraction(whole) if whole.isdigit() else value_of(whole)) + Fraction(top, bottom)
    return -value if match["minus"] else value


def without_unicode_numbers(text: str) -> str:
    """Text with `2½` as `2 1/2` and `10⁵` as `10^{5}`."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda m: f"^{{{m.group().translate(_SUPERSCRIPTS)}}}", text)
    return _VULGAR.sub(lambda m: f" {unicodedata.normalize('NFKC', m.group()).replace('⁄', '/')}", text)

"""Prepare free-form mathematical answers for comparison: extract, normalise, settle what needs no algebra."""

import itertools
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from mlpo_core.grading.extract import is_cut_off, statements

_LIMIT = 1_000
"""Longer expressions are not compared: no gold answer comes near."""

_INLINE = re.compile(r"\$\$(.{1,1000}?)\$\$|\\\[(.{1,1000}?)\\\]|\$([^$\n]{1,1000})\$|\\\((.{1,1000}?)\\\)", re.DOTALL)
_PLAIN = re.compile(r"-?\(?\$?-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+|(?=\.\d))(?:\.\d+)?(?:\s?/\s?\d+)?%?")
_RATIONAL = re.compile(
    r"(?P<minus>-\s?)?(?:(?P<whole>\d{1,30})?\s?\\frac\s?(?:\{(?P<top>\d{1,30})\}\s?\{(?P<bottom>\d{1,30})\})"
    r"|(?P<digits>\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})(?:\s?/\s?(?P<over>\d{1,30}))?)"
)
_NUMBERS = re.compile(r"([(\[]?)([^()\[\]]{1,500})([)\]]?)")
_ROUNDING = Fraction(1, 1_000_000)
_PROSE = re.compile(r"(?<!\\)\b[A-Za-z]{2,}\b")
_VERB = re.compile(r"\b(?:is|are|be|equals?|equal\sto|was|were|=)\s", re.IGNORECASE)
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]{0,200})\}")
_UNIT = re.compile(
    r"""(?<=[\d}\s)])\s*(?:
      degrees?|units?|inch(?:es)?|in|feet|foot|ft|yards?|miles?|mi|mph|cm|mm|km|meters?|metres?|m|kg|grams?|g|pounds?|lbs?
    | ounces?|liters?|litres?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|cents?|dollars?
    | percent|[ap]\.?m\.?|square|sq|cubic|per|people|ways?|points?|times|students?|sides?|radians?|rad|bits?
    | [a-z]{4,20}
    )(?:\s?\^\s?\{?[23]\}?|[²³])?(?=$|[\s.,;)])""",
    re.VERBOSE | re.IGNORECASE,
)
_DROPPED = r"""
    \left \right \! \, \; \: \$ $ \% % ^\circ ^{\circ} ° \degree \displaystyle \bigl \bigr \big \Big \boxed
"""
_SIMPLE = dict.fromkeys(_DROPPED.split(), "") | {
    "\\\\": "\\\\",  # a row of a matrix ends: not a backslash and a space
    "\\ ": " ", "\\quad": " ", "\\qquad": " ", "~": " ", "{,}": ",",
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "½": "\\frac{1}{2}", "⁄": "/",
    "\\leq": "\\le", "\\geq": "\\ge", "\\lbrace": "\\{", "\\rbrace": "\\}",
    "−": "-", "–": "-", "π": "\\pi", "∞": "\\infty", "×": "\\times ", "·": "\\cdot ", "±": "\\pm ",
    "≤": "\\le ", "≥": "\\ge ", "∪": "\\cup ",
}  # fmt: skip
_SIMPLE_RE = re.compile("|".join(re.escape(key) for key in sorted(_SIMPLE, key=len, reverse=True)))


class Prepared(NamedTuple):
    """An extracted answer, and what is left to decide.

    Attributes:
        extracted: The answer, normalised; None when the response states none.
        correct: The verdict where comparing text settles it, else None.
        gold: The gold expression to compare with where it does not.
        candidates: The ways to read the answer, any of which may equal the gold one.
    """

    extracted: str | None
    correct: bool | None
    gold: str = ""
    candidates: tuple[str, ...] = ()


def prepare(gold: str, response: str) -> Prepared:
    """Extract the answer of a response and settle the cases that need no computer algebra."""
    answer = _extract(response)
    if answer is None:
        return Prepared(None, False)
    readings = tuple(dict.fromkeys(r for r in _readings(answer, gold) if r))
    extracted = normalise(answer) or answer
    wanted = normalise(gold)
    if not readings or len(extracted) > _LIMIT or not wanted:
        return Prepared(extracted[:_LIMIT], False)
    if any(_same(reading, wanted) for reading in readings):
        return Prepared(extracted, True)
    verdicts = [_numerically(reading, wanted) for reading in readings]
    if True in verdicts or None not in verdicts:
        return Prepared(extracted, True in verdicts)
    return Prepared(extracted, None, wanted, readings)


def _numerically(reading: str, wanted: str) -> bool | None:
    """Compare numbers, and points or lists of numbers, by value; None when either is something else."""
    ours, gold = _NUMBERS.fullmatch(reading), _NUMBERS.fullmatch(wanted)
    if not ours or not gold or ours.group(1, 3) != gold.group(1, 3):
        return None
    said = [rational(part.strip()) for part in ours.group(2).split(",")]
    known = [rational(part.strip()) for part in gold.group(2).split(",")]
    if None in said or None in known:
        return None
    pairs = [(a, b) for a, b in zip(said, known, strict=False) if a is not None and b is not None]
    if not gold.group(1):  # a list of solutions has no order
        pairs = list(zip(sorted(a for a, _ in pairs), sorted(b for _, b in pairs), strict=True))
    return len(said) == len(known) and all(abs(a - b) < _ROUNDING for a, b in pairs)


def rational(text: str) -> Fraction | None:
    """The value of an integer, decimal, fraction or mixed number; None for anything else."""
    match = _RATIONAL.fullmatch(text)
    if not match or not int(match["bottom"] or match["over"] or 1):
        return None
    if match["bottom"]:
        value = int(match["whole"] or 0) + Fraction(int(match["top"]), int(match["bottom"]))
    else:
        value = Fraction(match["digits"]) / int(match["over"] or 1)
    return -value if match["minus"] else value


def normalise(latex: str) -> str:
    """An expression without delimiters, spacing commands, units, degree signs or a final full stop."""
    text = unicodedata.normalize("NFC", latex[: 4 * _LIMIT])
    text = re.sub(r"\\(?:\[|\]|\(|\))|[`]|\*\*(?=\S)|(?<=\S)\*\*", "", text)
    text = re.sub(r"√\s?\(([^()]{1,100})\)|√\s?(\w{1,20})", lambda m: f"\\sqrt{{{m.group(1) or m.group(2)}}}", text)
    text = _SIMPLE_RE.sub(lambda m: _SIMPLE[m.group()], text)
    text = re.sub(r"(\d),\s?(?=\d{3}(?!\d))", r"\1,", text)
    text = re.sub(r"(?<![\d,.(\[{])(\d{1,3}(?:,\d{3})+)(?![\d,)\]}])", lambda m: m.group().replace(",", ""), text)
    text = _TEXT.sub(r" \1 ", text)
    text = re.sub(r"^\s*[A-Za-z]\s?\\in(?:\s|(?=[\[(\\]))\s?", "", text)
    # a leading point may be that of a decimal: .5 is not 5
    return " ".join(text.split()).lstrip(" ,;:").rstrip(" .,;:")


def _extract(response: str) -> str | None:
    for place in statements(response):
        if place.explicit:
            found = _trim(place.text)
            if found:
                return found
        else:
            return _guess(place.text)
    return None


def _trim(text: str) -> str:
    """The expression in a marked answer, without the sentence around it."""
    text = re.sub(
        r"(?<=[\d}])\s\([A-Za-z ]{1,40}\)(?=\s?\$?\.?$)", "", text.strip().strip("*").strip().lstrip("}").strip()
    )
    formulas = list(_INLINE.finditer(text))
    prose = _INLINE.sub(" ", text)
    if len(_PROSE.findall(prose)) > 2 or re.search(r"\bequals\b", prose):
        return _of_sentence(text) or text
    if formulas:
        gaps = (text[a.end() : b.start()] for a, b in itertools.pairwise(formulas))
        if len(formulas) > 1 and all(_between(gap) for gap in gaps):
            return ", ".join(_inside(m) for m in formulas)
        outside = text[: formulas[0].start()] + text[formulas[0].end() :]
        if not re.search(r"\d", outside):
            return _inside(formulas[0])
    return re.sub(r"\.(?:\s.*)?$", "", text, flags=re.DOTALL) or text


def _of_sentence(text: str) -> str | None:
    """What a sentence says that something is: the first formula or number after its last "is", or else in all of it."""
    text = re.split(r"[.!?]\s", text)[0]
    verbs = list(_VERB.finditer(text))
    for part in ([text[verbs[-1].end() :]] if verbs else []) + [text]:
        formula, number = _INLINE.search(part), _PLAIN.search(part)
        if formula and not (number and number.start() < formula.start()):
            return _inside(formula)
        if number:
            equation = re.match(r"[A-Za-z]\s?=\s?", part.strip())
            return part.strip() if equation else number.group()
    return None


def _inside(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group).strip()


def _between(text: str) -> bool:
    return re.fullmatch(r"[\s,]*(?:and|or)?[\s,]*", text) is not None


def _guess(text: str) -> str | None:
    """The last formula or number of a text that marks no answer."""
    if len(text) <= 100 and "\n" not in text:
        return _trim(text) or None
    if is_cut_off(text):
        return None
    tail = text[-3_000:]
    formulas, numbers = list(_INLINE.finditer(tail)), list(_PLAIN.finditer(tail))
    if formulas and (not numbers or numbers[-1].end() <= formulas[-1].end()):
        return _inside(formulas[-1])
    last = tail.rstrip().rsplit("\n", 1)[-1]
    if "=" in last and not formulas and not _PROSE.search(last.rsplit("=", 1)[1]):
        return last.rsplit("=", 1)[1].strip() or None
    return numbers[-1].group() if numbers else None


def _readings(answer: str, gold: str) -> list[str]:
    whole = normalise(answer)
    readings = [whole]
    parts = [part for part in re.split(r",|;|\b(?:or|and)\b|\\text\{ ?(?:or|and) ?\}", whole) if part.strip()]
    if len(parts) > 1 and all(part.count("=") == 1 for part in parts) and "=" not in gold:
        readings.append(", ".join(part.split("=")[1].strip() for part in parts))
    elif len(parts) == 1 and "=" in whole and "=" not in gold:
        readings.append(whole.rsplit("=", 1)[1].strip())
    elif len(parts) > 1 and re.search(r"\b(?:or|and)\b", whole):
        readings.append(", ".join(part.strip() for part in parts))
    if "\\approx" in whole:
        readings.append(whole.split("\\approx", 1)[0].strip())
    return readings + [without for r in readings if (without := _UNIT.sub("", r).strip()) != r]


def _same(reading: str, wanted: str) -> bool:
    def bare(text: str) -> str:
        text = re.sub(r"\\frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}", text)
        text = re.sub(r"\\sqrt\s?(\d)", r"\\sqrt{\1}", text)
        return (
            re.sub(r"[\s{}]", "", text).strip("().").casefold()
            if re.fullmatch(r"\s*\(?[A-Za-z ]+\)?\s*", text)
            else re.sub(r"\s", "", text)
        )

    return bare(reading) == bare(wanted) or bare(_UNIT.sub("", wanted)) == bare(reading)

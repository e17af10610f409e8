"""Prepare free-form mathematical answers for comparison: extract, normalise, settle what needs no algebra."""

import re
from fractions import Fraction
from typing import NamedTuple

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.forms import unevaluated
from mlpo_core.grading.formulas import Expression, stated_expression
from mlpo_core.grading.intervals import as_intervals
from mlpo_core.grading.latex import LIMIT, normalise, rational
from mlpo_core.grading.units import unit_of, without_unit

__all__ = ["Prepared", "normalise", "prepare", "rational"]

_NUMBERS = re.compile(r"([(\[]?)([^()\[\]]{1,500})([)\]]?)")
_ROUNDING = Fraction(1, 1_000_000)
_BASE = re.compile(r"\(?([0-9A-Za-z]{1,60})\)?_\{?(\d{1,2}|[a-z]{3,9})\}?")
_ASSIGNED = re.compile(
    r"\s*(?:\([A-Za-z](?:,\s?[A-Za-z]){1,5}\)|[|(]?\\?[A-Za-z]{1,12}'?(?:_\{?\w{1,9}\}?)?[|)]?(?:\s?\([^()=]{0,40}\))?|[A-Za-z\s\\]{2,40}|\\[a-z]{3,12}\s?\{[^{}=]{0,40}\}|[^A-Za-z=]{1,80}"
    r"|[^A-Za-z=]{0,80}(?:\\[a-z]{1,12}[^A-Za-z=]{0,80}){1,9})\s*"
)
"""The left side of an equation that says what something is: a name, a call, or a sum of numbers."""
_ANNOUNCED = re.compile(r"(?:the\s)?(?:final\s)?(?:answer|result|total)(?:\sis\b|:)\s?:?\s?", re.IGNORECASE)
_TIME = re.compile(r"\d{1,2}:\d\d(?:\s?[ap]\.?m\.?)?", re.IGNORECASE)
_RATIO, _INTEGER = re.compile(r"\d{1,9}:\d{1,9}"), re.compile(r"-?\d{1,60}")
_GOES_ON = re.compile(r",\s?(?:\.{2}|…|\\[lc]?dots)")
_DECIMAL_COMMA = re.compile(r"-?\d{1,12},\d{1,12}")
_NOTED = re.compile(r",?\s(?:because|since|as\s\$|so\sthat|due\sto|not|rather\sthan|instead\sof)\b")
_PARTED = re.compile(r",|;|\b(?:or|and)\b")


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


def prepare(gold: str, response: str, question: str = "") -> Prepared:
    """Extract the answer of a response and settle the cases that need no computer algebra.

    Args:
        gold: The gold answer.
        response: What a model wrote.
        question: The task's question where it is known: an expression that stands in it is not its own answer.
    """
    response = without_question(response, question)
    found = stated_expression(response)
    if found is None or not found.text:
        return Prepared(None, False)
    wanted = normalise(gold)
    extracted = normalise(found.text) or found.text
    readings = tuple(dict.fromkeys(r for r in _readings(found, gold, response[-LIMIT * 4 :] + question) if r))
    unlike = _other_base(extracted, wanted, question) or _unlike(found.text, gold)
    if not readings or len(extracted) > LIMIT or not wanted or unlike:
        return Prepared(extracted[:LIMIT], False)
    if any(_same(reading, wanted) for reading in (*readings, normalise(found.whole[:LIMIT]))):
        return Prepared(extracted, True)
    endless = "infty" in _compared(wanted)
    readings = tuple(
        r for r in readings if not unevaluated(r, wanted, question) and (endless or "infty" not in _compared(r))
    )
    verdicts = [_numerically(reading, wanted) for reading in readings]
    if True in verdicts or None not in verdicts:
        return Prepared(extracted, True in verdicts)
    return Prepared(extracted, None, _compared(wanted), tuple(_compared(reading) for reading in readings))


def _compared(text: str) -> str:
    """What the algebra system is given: inequalities as intervals, both signs written out, no base of a number."""
    text = as_intervals(text) or text
    if text.count("\\pm") == 1 and not text.startswith("\\pm"):
        text = ", ".join(text.replace("\\pm", sign) for sign in "+-")
    if re.search(r"[-+^=/]", text):
        text = re.sub(r"(?<![\\A-Za-z])([A-Za-z])([a-z])(?![A-Za-z])", r"\1 \2", text)
    base = _BASE.fullmatch(text)
    return base.group(1) if base and base.group(1).isdigit() else text


def _other_base(said: str, wanted: str, question: str) -> bool:
    """Whether a number is given in another base than the gold one, or in one that nobody asked for."""
    ours, gold = _BASE.fullmatch(said), _BASE.fullmatch(wanted)
    if ours and gold and gold.group(1)[0].isdigit():
        return ours.group(2) != gold.group(2)
    return bool(ours and ours.group(1).isdigit() and not gold and question and not re.search(r"\bbase\b|_", question))


def _unlike(said: str, gold: str) -> bool:
    """Whether an answer is another kind of thing than the gold one, however equal a computer finds the two."""
    ours, theirs = unit_of(said), unit_of(gold)
    if ours and theirs and ours != theirs:
        return True
    text, wanted = normalise(said), normalise(gold)
    if (_TIME.fullmatch(text) and _TIME.fullmatch(wanted)) or (_RATIO.fullmatch(text) and _INTEGER.fullmatch(wanted)):
        return re.sub(r"[^\d:]", "", text) != re.sub(r"[^\d:]", "", wanted)
    if _GOES_ON.search(said) and not _GOES_ON.search(gold):
        return True
    if text.startswith("\\{") and wanted.startswith(("(", "[")) and "\\cup" not in wanted and "|" not in text:
        return ":" not in text and "\\mid" not in text
    if ("\\infty]" in text.replace(" ", "")) != ("\\infty]" in wanted.replace(" ", "")):
        return True
    listed = "," in wanted and not re.search(r"[\[\](){}<>]|\\[a-z]", wanted)
    return listed and re.search(r"[<>]|\\[lg]e(?![a-z])", text) is not None


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
    rounding = _ROUNDING if "." in reading + wanted else 0
    return len(said) == len(known) and all(abs(a - b) <= rounding * abs(b) for a, b in pairs)


def _readings(found: Expression, gold: str, context: str) -> list[str]:
    whole = _ANNOUNCED.sub("", normalise(found.text))
    parts = [part.strip() for part in _PARTED.split(whole) if part.strip()]
    readings = [whole] if "=" in gold or "=" not in whole else []
    if "=" in whole and "=" not in gold and as_intervals(whole) is None:
        if len(parts) > 1 and all(part.count("=") == 1 and _ASSIGNED.fullmatch(part.split("=")[0]) for part in parts):
            readings.append(", ".join(part.split("=")[1].strip() for part in parts))
        elif found.in_sentence or _ASSIGNED.fullmatch(left := whole.split("=")[0]) or _worked_on(left, context):
            readings.append(whole.rsplit("=", 1)[1].strip())
    elif len(parts) > 1 and re.search(r"\b(?:or|and)\b", whole) and as_intervals(whole) is None:
        readings.append(", ".join(parts))
    elif "=" in gold and gold.count("=") == len(parts) > 1 and "=" not in whole:
        readings.append(
            ", ".join(
                f"{g.split('=')[0].strip()}={part}"
                for g, part in zip(_PARTED.split(normalise(gold)), parts, strict=False)
            )
        )
    if "\\approx" in whole:
        readings.append(whole.split("\\approx", 1)[0].strip())
    if "," in whole and re.search(r",\s", gold) and re.fullmatch(r"[\d,\s]{3,100}", found.text.strip("$ .")):
        readings.append(", ".join(part.strip() for part in found.text.strip("$ .").split(",")))
    if not gold.lstrip("$ ").startswith("\\{"):
        readings += [r[2:-2].strip() for r in readings if r.startswith("\\{") and r.endswith("\\}") and "," in r]
    readings += [without for r in readings if (without := without_unit(r)) != r]
    ratio = re.fullmatch(r"(\d{1,9}) to ?(\d{1,9})", whole)
    if _DECIMAL_COMMA.fullmatch(whole) and (value := rational(normalise(gold))) is not None and value.denominator > 1:
        readings.append(whole.replace(",", "."))
    if whole.count("=") == 1 and rational(whole.split("=")[0].strip()) is not None and not re.search(r"[a-z]", whole):
        readings = [whole.split("=")[0].strip()]  # 12 = 5 + 7
    if "(" in gold[:2] and (point := re.fullmatch(r"[A-Z](\(.*\))", whole)):
        readings.append(point.group(1))
    if ";" in whole and "," in gold and ";" not in gold:
        readings.append(whole.replace(";", ","))
    if (mixed := re.fullmatch(r"(\d{1,9}) and (\d{1,9})/(\d{1,9})", whole)) is not None:
        readings = [f"{mixed.group(1)}\\frac{{{mixed.group(2)}}}{{{mixed.group(3)}}}"]
    return [
        *readings,
        *_percentages(found.text, gold, readings),
        *([f"{ratio.group(1)}:{ratio.group(2)}"] if ratio else []),
    ]


def _worked_on(left: str, context: str) -> bool:
    """Whether a response or its question names the left side of an equation elsewhere, so that it says what that is."""
    return re.sub(r"\s", "", context).count(re.sub(r"\s", "", left)) > 1


def _percentages(answer: str, gold: str, readings: list[str]) -> list[str]:
    """A percentage read as its value where the gold answer is none, or a value as the percentage that it is."""
    answer, gold = (re.sub(r"(?<=\w)\s?(?:per\s?cent|pct)\b", "%", text) for text in (answer, gold))
    if ("%" in answer) == ("%" in gold):
        return []
    values = [value for reading in readings if (value := rational(reading)) is not None]
    scaled = [value / 100 if "%" in answer else value * 100 for value in values]
    return [
        f"\\frac{{{v.numerator}}}{{{v.denominator}}}" if v >= 0 else f"-\\frac{{{-v.numerator}}}{{{v.denominator}}}"
        for v in scaled
    ]


def _same(reading: str, wanted: str) -> bool:
    def bare(text: str) -> str:
        text = re.sub(r"\\frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}", text)
        text = re.sub(r"\\sqrt\s?(\d)", r"\\sqrt{\1}", text)
        text = re.sub(r"^\((\w+)\)(?=_)|^(?:on|the|an?)\s(?=[A-Za-z]{3})", r"\1", text)
        return (
            re.sub(r"[\s{}]", "", text).strip("().").casefold()
            if re.fullmatch(r"\s*\(?[A-Za-z ]+\)?\s*", text)
            else re.sub(r"\s", "", text)
        )

    return bare(reading) == bare(wanted) or bare(without_unit(wanted)) == bare(reading)

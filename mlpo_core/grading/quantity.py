"""Grade answers that are a number with a unit: converted to the gold answer's unit, equal within its tolerance.

A gold answer says how far off an answer may be, `9.81 m/s^2 ± 1 %` or `± 0.05`; else it is `TOLERANCE` of its size.
What models write is read here, number and unit apart, and no expression is worked out: `pint` gets names of units.
"""

import math
import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.grading.dressing import plain, without_question
from mlpo_core.grading.stated import stated
from mlpo_core.types import Verdict

TOLERANCE = 0.01
"""Of the gold answer's size, where nobody says another."""
_MOST_UNITS = 8
_LONGEST = 400

_NUMBER = (
    r"(?P<number>[+-]?\s?(?:\d{1,3}(?:[, ]\d{3}){1,10}(?!\d)|\d{1,40})(?:\.\d{0,40})?|[+-]?\.\d{1,40})"
    r"(?:\s?(?:[x×*·]|\\times|\\cdot)\s?10\s?(?:\^|\*\*)?\s?\{?(?P<power>[+-]?\d{1,3})\}?|[eE](?P<short>[+-]?\d{1,3}))?"
)
_QUANTITY = re.compile(rf"(?<![\w.^]){_NUMBER}(?![\d.])\s{{0,3}}(?P<rest>[^\n]{{0,200}})")
_TOLERANCE = re.compile(r"(?:±|\+/-|\+-)\s?(?P<value>\d{1,10}(?:\.\d{1,10})?(?:e-?\d{1,2})?)\s?(?P<percent>%)?\s*\Z")
_UNIT = re.compile(
    r"(?P<divider>\s?(?:/|\bper\b)\s?|\s?[*·⋅]\s?|\s)?(?P<name>[A-Za-zµμΩÅ°%℃℉]{1,24})(?:\^?(?P<power>[+-]?\d))?"
)
_GROUP = re.compile(r"\s?/\s?\(([^()]{1,60})\)")
_STOP = frozenset((
    "a", "an", "and", "approximately", "as", "at", "by", "downward", "for", "from", "in", "is", "of", "on",
    "or", "than", "that", "the", "to", "towards", "upward",
))  # fmt: skip
_NAMES = {
    "°C": "degC", "℃": "degC", "°F": "degF", "℉": "degF", "°": "degree", "%": "percent", "Å": "angstrom",
    "Ω": "ohm", "sec": "second", "secs": "second", "hrs": "hour", "mins": "minute", "lbs": "pound",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]")
_WRAPPED = re.compile(r"\\(?:text|textrm|mathrm|mathbf|rm|unit|mbox|operatorname)\s?\{([^{}]{0,60})\}")
_BRACED = re.compile(r"\^\{([+-]?\d)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{([^{}]{1,60})\}\s?\{([^{}]{1,60})\}")
_COMMANDS = {
    r"\cdot": "*", r"\times": "×", r"\mu": "µ", r"\Omega": "Ω", r"\%": "%", r"\,": " ", r"\;": " ", r"\!": "",
    r"\ ": " ", r"^\circ": "°", r"^{\circ}": "°", r"\circ": "°", r"\degree": "°", r"\approx": "=", r"\left": "",
    r"\right": "", r"\(": "", r"\)": "", r"\[": "", r"\]": "", "$": "", "~": " ", "**": "^", "≈": "=", "−": "-",
}  # fmt: skip
_RESULT = re.compile(r"=|\bis\b|\babout\b|\bapproximately\b|\bequals\b")


class Quantity(NamedTuple):
    """A number, and the exponent of every unit by its name in `pint`."""

    number: float
    units: tuple[tuple[str, int], ...]


def grade_quantity(gold: str, response: str, question: str = "") -> Verdict:
    """Compare the quantity that a response states with the gold one. An answer without a unit is wrong."""
    said = stated(without_question(response, question))
    found = read_quantity(said) if said is not None else None
    if found is None:
        return Verdict(None, False)
    wanted, allowed = _gold(gold)
    value = _converted(found, wanted.units)
    right = value is not None and abs(value - wanted.number) <= allowed + 1e-12 * abs(wanted.number)
    return Verdict(_written(found), right)


def with_tolerance(gold: str, share: float | None) -> str:
    """A gold answer that says its tolerance, if it does not yet. `share`: of its size; None for `TOLERANCE`."""
    return gold if _TOLERANCE.search(gold) else f"{gold} ± {100 * (TOLERANCE if share is None else share):.12g} %"


def example(gold: str) -> str:
    """The quantity of a gold answer, without its tolerance."""
    return _TOLERANCE.sub("", gold).strip()


def problem(gold: str) -> str | None:
    """Why a text cannot be a gold answer; None where it can."""
    found = read_quantity(example(gold))
    if found is None:
        return "expected one number with a unit, such as 9.81 m/s^2"
    if not found.units:
        return "there is no unit that is known: answer_kind: number compares numbers alone"
    if _converted(found, found.units) is None:
        return "a unit in which nothing can be measured"
    return None


def read_quantity(text: str) -> Quantity | None:
    """The one quantity that a text states; None where it states none, or two."""
    text = _plain(text)
    if len(text) > _LONGEST:
        return None
    head = next((part for part in reversed(_RESULT.split(text)) if re.search(r"\d", part)), "")
    found = _QUANTITY.search(head)
    if not found or re.search(r"\d", head[: found.start()]):
        return None
    number = float(f"{re.sub(r'[, ]', '', found['number'])}e{found['power'] or found['short'] or 0}")
    if not math.isfinite(number):
        return None
    units, after = _units(found["rest"])
    return None if re.search(r"\d|±", after) else Quantity(number, units)


def _plain(text: str) -> str:
    text = plain(text.strip())[: _LONGEST + 1]
    text = _RAISED.sub(lambda m: f"^{m.group().translate(_SUPERSCRIPTS)}", text)
    for _ in range(3):
        text = _FRACTION.sub(r"\1/(\2)", _BRACED.sub(r"^\1", _WRAPPED.sub(r"\1", text)))
    for code, sign in _COMMANDS.items():
        text = text.replace(code, sign)
    return text.replace("`", "").strip(" .*_\"'")


def _units(text: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """The units at the start of a text, and what follows them."""
    powers: dict[str, int] = {}
    position, below = 0, 1
    for _ in range(_MOST_UNITS):
        group = _GROUP.match(text, position)
        if group:
            inside, after = _units(group[1])
            if after.strip() or not inside:
                break
            for name, power in inside:
                powers[name] = powers.get(name, 0) - power
            position = group.end()
            continue
        found = _UNIT.match(text, position)
        divider = (found["divider"] or "").strip() if found else ""
        if not found or (position and not found["divider"]) or (position and found["name"] in _STOP and not divider):
            break
        name = _unit_name(found["name"])
        if name is None:
            break
        below = -1 if divider in ("/", "per") else 1
        powers[name] = powers.get(name, 0) + below * int(found["power"] or 1)
        position = found.end()
    return tuple(sorted((name, power) for name, power in powers.items() if power)), text[position:]


@lru_cache(4096)
def _unit_name(name: str) -> str | None:
    """A unit by the name that `pint` has for it; None for a word that is none."""
    for tried in (_NAMES.get(name, name), name.lower()):
        parsed = _registry().parse_unit_name(tried)
        if parsed:
            prefix, unit, _ = parsed[0]
            return f"{prefix}{unit}"
    return None


@lru_cache(1024)
def _gold(gold: str) -> tuple[Quantity, float]:
    """The gold quantity, and how far off an answer may be in its unit."""
    wanted = read_quantity(example(gold))
    if wanted is None:
        raise ValueError(f"{gold!r} is no gold answer of kind unit")
    said = _TOLERANCE.search(gold)
    if said and not said["percent"]:
        return wanted, float(said["value"])
    return wanted, abs(wanted.number) * (float(said["value"]) / 100 if said else TOLERANCE)


def _converted(found: Quantity, units: tuple[tuple[str, int], ...]) -> float | None:
    """The number of a quantity in other units; None where they measure something else."""
    registry = _registry()
    measured, wanted = (registry.UnitsContainer(dict(names)) for names in (found.units, units))
    try:
        value = float(registry.convert(found.number, measured, wanted))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):  # pint's own errors are ValueError and TypeError
        return None
    return value if math.isfinite(value) else None


def _written(found: Quantity) -> str:
    units = " ".join(name if power == 1 else f"{name}^{power}" for name, power in found.units)
    return f"{found.number:.12g} {units}".strip()


@cache
def _registry() -> Any:
    try:
        import pint
    except ImportError as error:
        raise BadInput(
            "answer_kind: unit needs pint, which is not installed. Install the extra: pip install 'mlpo[units]'"
        ) from error
    return pint.UnitRegistry()

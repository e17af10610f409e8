"""Units after a number: what a reader leaves out. A word that changes the number ("5 cubed") is none."""

import re

_UNIT = re.compile(
    r"""(?<=[\d}\s)])\s{0,3}(?:
      degrees?|units?|inch(?:es)?|in|feet|foot|ft|yards?|miles?|mi|mph|cm|mm|km|meters?|metres?|m|kg|grams?|g|pounds?|lbs?
    | ounces?|liters?|litres?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|cents?|dollars?
    | (?<=\s)(?:J|kJ|N|W|kW|V|Hz|kHz|MHz|Pa|kPa|K|mol|L|mL)
    | percent|[ap]\.?m\.?|square|sq|cubic|per|people|ways?|points?|times|students?|sides?|radians?|rad|bits?
    | (?!(?:million|billion|trillion|thousand|hundred|dozen|score|squared|cubed|factorial|halves|half|thirds|quarters
        |fourths|fifths|choose|base|over|plus|minus|modulo|less|more|than|under|above|below|between|digits?\safter|power|root|negative)\b)[a-z]{4,20}
    )(?:\s?/\s?(?:s|h|hr|min|sec|second|minute|hour|day|week|year|m|cm|km|kg|g|mol|L|person|ft))?(?:\s?\^\s?\{?[23]\}?|[²³])?(?=$|[\s.,;)])""",
    re.VERBOSE | re.IGNORECASE,
)


def without_unit(text: str) -> str:
    """An expression without the units that stand after its numbers."""
    return _UNIT.sub("", text).strip()


_NAMES = {
    "cent": ("cent", "cents", "¢", "\\cent"),
    "dollar": ("\\$", "dollar", "dollars", "usd"),
    "mm": ("mm", "millimeters", "millimeter"),
    "cm": ("cm", "centimeters", "centimeter", "centimetres"),
    "m": ("m", "meters", "meter", "metres", "metre"),
    "km": ("km", "kilometers", "kilometer", "kilometres"),
    "inch": ("in", "inch", "inches"),
    "foot": ("ft", "foot", "feet"),
    "yard": ("yd", "yard", "yards"),
    "mile": ("mi", "mile", "miles"),
    "second": ("s", "sec", "second", "seconds"),
    "minute": ("min", "minute", "minutes"),
    "hour": ("h", "hr", "hour", "hours"),
    "day": ("day", "days"),
    "gram": ("g", "gram", "grams"),
    "kg": ("kg", "kilograms", "kilogram"),
    "degree": ("°", "^\\circ", "^{\\circ}", "\\degree", "degree", "degrees"),
    "radian": ("rad", "radian", "radians"),
}
_CANONICAL = {name: unit for unit, names in _NAMES.items() for name in names}
_AFTER = re.compile(
    r"(?<=[\d}\s)])\s{0,3}(?:\\[,;! ]|~|\s){0,3}(?:\\(?:text|mathrm|mbox|textrm)\s?\{)?\s{0,3}"
    r"(\^\s?\{?\\circ\}?|°|¢|\\(?:cent|degree)|[A-Za-z]{1,12})\s{0,3}\}?[\s.$]{0,3}\Z"
)


def unit_of(text: str) -> str | None:
    """The unit that an answer ends in, or the dollar sign before it, by one name; None where it has no known one."""
    after = _AFTER.search(text[-80:])
    if after:
        return _CANONICAL.get(after.group(1).replace(" ", "").lower())
    return "dollar" if re.match(r"[\s$]{0,3}\\\$\s?[\d.]", text) else None

"""Units after a number: what a reader leaves out. A word that changes the number ("5 cubed") is none."""

import re

_UNIT = re.compile(
    r"""(?<=[\d}\s)])\s{0,3}(?:
      degrees?|units?|inch(?:es)?|in|feet|foot|ft|yards?|miles?|mi|mph|cm|mm|km|meters?|metres?|m|kg|grams?|g|pounds?|lbs?
    | ounces?|liters?|litres?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|cents?|dollars?
    | percent|[ap]\.?m\.?|square|sq|cubic|per|people|ways?|points?|times|students?|sides?|radians?|rad|bits?
    | (?!(?:million|billion|trillion|thousand|hundred|dozen|score|squared|cubed|factorial|halves|half|thirds|quarters
        |fourths|fifths|choose|base|over|plus|minus|modulo|less|more|than|under|above|below|between|digits?\safter|power|root|negative)\b)[a-z]{4,20}
    )(?:\s?\^\s?\{?[23]\}?|[²³])?(?=$|[\s.,;)])""",
    re.VERBOSE | re.IGNORECASE,
)


def without_unit(text: str) -> str:
    """An expression without the units that stand after its numbers."""
    return _UNIT.sub("", text).strip()

"""The one text that a response gives as its answer, for kinds that compare a text as it stands."""

import re

from mlpo_core.grading.extract import statements

_LIST_ITEM = re.compile(r"\s{0,8}(?:\d{1,3}[.)]\s|[-*•]\s)?\s{0,3}\S{1,60}\s{0,8}")
_INTRODUCED = re.compile(r":[*_]{0,3}[ \t]{0,9}(?=\S)|:[*_]{0,3}[ \t]{0,9}\n\s{0,20}(?=\S)")
_DRESSING = " \t\r\n\"'`“”‘’*_"


def stated(response: str) -> str | None:
    """What a response marks as its answer, or else what its text ends in; None where it says nothing."""
    for place in statements(response):
        text = (place.text if place.explicit else introduced(place.text)).strip()
        if text.strip(_DRESSING):
            return text
    return None


def undressed(text: str) -> list[str]:
    """A text as it stands, without quotes and markup around it, and without the point or dollar signs at its ends."""
    marked = text.strip(_DRESSING)
    return list(dict.fromkeys((text.strip(), marked, bare(text), marked.strip("$ .").strip())))


def bare(text: str) -> str:
    """A text without quotes and markup around it, and without the point that ends it."""
    return text.strip(_DRESSING).removesuffix(".").strip(_DRESSING)


def introduced(text: str) -> str:
    """What stands after the last colon of an unmarked text, up to a blank line, or else its last line."""
    colons = list(_INTRODUCED.finditer(text))
    for colon in colons[:-6:-1]:
        paragraph = text[colon.end() :].split("\n\n", 1)[0]
        lead = text[: colon.start()].rsplit("\n", 1)[-1]
        if not re.match(r"\W{0,4}(?:note|remark|explanation|p\.?s)\b", lead, re.IGNORECASE):
            return paragraph.strip() if "\n" in colon.group() else paragraph.split("\n", 1)[0]
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(map(_LIST_ITEM.fullmatch, lines)):
        return text
    return lines[-1] if lines else text

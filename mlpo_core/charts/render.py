"""Vega-Lite to pictures. What a mark says when one points at it is its `description`."""

import re
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from mlpo_core.charts.style import THEMED

_SVG = "{http://www.w3.org/2000/svg}"
_PAINT = ("fill", "stroke")
_PLACES = {"d", "transform"}
_LONG = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_MARK = "graphics-symbol"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_PNG_SCALE, _PNG_COLOURS = 2, 128
"""Pixels of a picture per pixel of its chart, and how many colours it has."""

Spec = dict[str, Any]


def inline_svg(spec: Spec, description: str) -> Markup:
    """SVG to stand in a page, in the page's colours; pointing at a mark shows what it is.

    Args:
        spec: Vega-Lite.
        description: What a screen reader says of the whole.
    """
    root = ElementTree.fromstring(svg(spec))  # noqa: S314 - an SVG that we made
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        for place in _PLACES & element.attrib.keys():
            element.set(place, _LONG.sub(lambda number: f"{float(number[0]):.1f}", element.attrib[place]))
        for paint in _PAINT:
            colour = element.get(paint, "").lower()
            element.attrib.update({paint: THEMED[colour]} if colour in THEMED else {})
        _say(element)
    for size in ("width", "height", "version"):
        del root.attrib[size]
    root.attrib.update({"class": "chart", "role": "img", "aria-label": printable(description)})
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - our own file


def svg(spec: Spec, background: str = "transparent") -> str:
    """A document of its own."""
    import vl_convert as vlc

    return vlc.vegalite_to_svg({**_printable(spec), "background": background})


def png(spec: Spec) -> bytes:
    """A picture on white, for where SVG cannot be shown: small, for the UI reads it with the page."""
    import vl_convert as vlc
    from PIL import Image

    drawn = vlc.vegalite_to_png({**_printable(spec), "background": "white"}, scale=_PNG_SCALE)
    content = BytesIO()
    Image.open(BytesIO(drawn)).convert("RGB").quantize(_PNG_COLOURS).save(content, "PNG", optimize=True)
    return content.getvalue()


def printable(text: str) -> str:
    """Text without the characters that XML does not know."""
    return _UNPRINTABLE.sub("\ufffd", text)


def _say(element: ElementTree.Element) -> None:
    """A mark's description becomes its title, which browsers show; what describes axes and groups goes."""
    text = element.attrib.pop("aria-label", None)
    is_mark = element.attrib.pop("role", None) == _MARK
    kind = element.attrib.pop("aria-roledescription", "")
    if text and is_mark and kind not in ("axis", "legend"):
        title = ElementTree.Element("title")
        title.text = text
        element.insert(0, title)


def _printable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _printable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_printable(inner) for inner in value]
    return printable(value) if isinstance(value, str) else value

"""Renders pages. Everything put into them is escaped, and shown as any message is: model output is hostile."""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpo_core.listening import addresses
from mlpo_core.messages import presentable

_PACKAGE = "mlpo_core.viewer"
STATIC = {"style.css": "text/css", "keys.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""Files that pages load, with their types."""


def page(template: str, **values: Any) -> str:
    """A page from a template of this package."""
    return _environment().get_template(f"{template}.html.j2").render(**values)


@cache
def static(name: str) -> bytes:
    """A file that pages load."""
    return files(_PACKAGE).joinpath("static", name).read_bytes()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"clipped": clipped, "counted": "{:,}".format}
    environment.filters.update(filters)
    given: dict[str, Any] = {"prefix": addresses.prefix}
    environment.globals.update(given)
    return environment


def clipped(text: str, most: int) -> str:
    """A text on one line, at most so long."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 1]}…"


def _shown(value: Any) -> Any:
    """No text of a page is left out, because none is named."""
    is_text = isinstance(value, str | tuple) and not isinstance(value, Markup)
    return _presentable(str(value)) if is_text else value


@lru_cache(maxsize=1024)
def _presentable(text: str) -> str:
    return presentable(text)

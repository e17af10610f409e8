"""Renders templates to HTML that needs no network. Everything put into them is escaped: model output is hostile."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpo_core.benchmark.report.lookup import percent

_PACKAGE = "mlpo_core.benchmark.report"


def render(template: str, **values: Any) -> bytes:
    """A page from a template of this package."""
    style = Markup(files(_PACKAGE).joinpath("templates/style.css").read_text("utf-8"))
    return _environment().get_template(template).render(style=style, **values).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment

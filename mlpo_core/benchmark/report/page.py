"""Renders templates to HTML that needs no network. Everything put into them is escaped: model output is hostile."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpo_core.benchmark.report.lookup import percent

_JOINTS = re.compile(r"(?<=[/:_])|(?=@)")
_PACKAGE = "mlpo_core.benchmark.report"


def render(template: str, **values: Any) -> bytes:
    """A page from a template of this package."""
    style = Markup(files(_PACKAGE).joinpath("templates/style.css").read_text("utf-8"))  # noqa: S704 - our own file
    return _environment().get_template(template).render(style=style, **values).encode()


def breakable(name: str) -> Markup:
    """A method's name that may be broken over lines where its parts meet."""
    return Markup("<wbr>").join(_JOINTS.split(name))


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
    environment.filters["breakable"] = breakable
    return environment

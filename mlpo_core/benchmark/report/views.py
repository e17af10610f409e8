"""A table as it is shown, and its Markdown. Cells are plain text: both renderings escape them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_MARKS = re.compile(r"([\\`*\[\]|])")


class View(NamedTuple):
    """A table; the first `labels` columns are text, the others figures."""

    key: str
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1
    notes: Sequence[str] = ()


def markdown(view: View, level: int = 2) -> str:
    """The table with its title and caption."""
    lines = [f"{'#' * level} {plain(view.title)}", "", plain(view.caption), ""]
    lines += rows_markdown(view)
    for note in view.notes:
        lines += ["", plain(note)]
    return "\n".join(lines) + "\n"


def rows_markdown(view: View) -> list[str]:
    """The table alone, line by line."""
    if not view.rows:
        return ["None."]
    marks = ["---"] * view.labels + ["---:"] * (len(view.columns) - view.labels)
    return [f"| {' | '.join(map(plain, row))} |" for row in (view.columns, marks, *view.rows)]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, on one line."""
    even = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(r"\\\1", even)

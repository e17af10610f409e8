"""A grid of figures: two colours for the two signs, the deeper the larger."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.charts.style import COLOURS, INK, WIDTH, finished

_ROW, _LETTER = 21, 6.3
"""Height of a row and width of a letter, in pixels."""


class Cell(NamedTuple):
    """A figure; `label` is written in its cell, `text` is shown when one points at it."""

    row: str
    column: str
    value: float
    label: str
    text: str


def grid(cells: Sequence[Cell], rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    """Figures by row and column, in the order given; where there is no figure there is no cell."""
    import altair as alt

    most = max((abs(cell.value) for cell in cells), default=0.0) or 1.0
    data = [{**cell._asdict(), "size": abs(cell.value), "sign": "−" if cell.value < 0 else "+"} for cell in cells]
    width = max(WIDTH, round(len(columns) * max(26, _LETTER * max((len(c.label) for c in cells), default=1) + 4)))
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X(
            "column:N",
            title=None,
            sort=list(columns),
            scale=alt.Scale(domain=list(columns)),
            axis=alt.Axis(labelAngle=-45, labelLimit=140, orient="top", domain=False, ticks=False),
        ),
        y=alt.Y(
            "row:N",
            title=None,
            sort=list(rows),
            scale=alt.Scale(domain=list(rows)),
            axis=alt.Axis(labelLimit=160, domain=False, ticks=False),
        ),
        description="text:N",
    )
    signs = alt.Scale(domain=["+", "−"], range=[COLOURS[0], COLOURS[1]])
    fields = base.mark_rect().encode(
        color=alt.Color("sign:N", scale=signs, legend=None),
        opacity=alt.Opacity("size:Q", scale=alt.Scale(domain=[0, most], range=[0, 0.7]), legend=None),
    )
    written = base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    return finished(alt.layer(fields, written).properties(width=width, height=_ROW * len(rows)))

"""Phase diagrams: marks along an axis, coloured by sign, and where the sign changes as a line with its bar."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.charts.style import COLOURS, INK, SOFT, WIDTH, finished

_ROW, _LABEL = 34, 240
"""Height of a row, and most of a row's label, in pixels."""


class Mark(NamedTuple):
    """A point: `sign` is the sign of its figure, or empty where that is not certain; `text` on pointing at it."""

    panel: str
    row: str
    x: float
    sign: str
    label: str
    text: str


class Boundary(NamedTuple):
    """Where the sign changes in a row."""

    panel: str
    row: str
    x: float
    low: float
    high: float
    text: str


def phases(
    marks: Sequence[Mark], boundaries: Sequence[Boundary], rows: Sequence[str], panels: Sequence[str], x: str
) -> dict[str, Any]:
    """Rows from top to bottom, one panel under another; each writes its own axis.

    Args:
        marks: At least one per panel.
        boundaries: Any number.
        rows: Labels in order.
        panels: Titles in order; a single one is not written.
        x: Title of the axis.
    """
    import altair as alt

    charts = [
        _panel([m for m in marks if m.panel == panel], [b for b in boundaries if b.panel == panel], rows, x).properties(
            width=WIDTH, height=_ROW * len(rows), **({"title": panel} if len(panels) > 1 else {})
        )
        for panel in panels
    ]
    return finished(alt.vconcat(*charts) if len(charts) > 1 else charts[0])


def _panel(marks: Sequence[Mark], boundaries: Sequence[Boundary], rows: Sequence[str], x: str) -> Any:
    import altair as alt

    ends = sorted({mark.x for mark in marks})
    room = (ends[-1] - ends[0]) * 0.08 or 1.0
    along = alt.X(
        "x:Q",
        title=x,
        scale=alt.Scale(domain=[ends[0] - room, ends[-1] + room], nice=False),
        axis=alt.Axis(values=ends, grid=False),
    )
    down = alt.Y(
        "row:N",
        title=None,
        sort=list(rows),
        scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(labelLimit=_LABEL, grid=True, domain=False),
    )
    signs = alt.Scale(domain=["+", "", "−"], range=[COLOURS[0], SOFT, COLOURS[1]])
    points = alt.Chart(alt.Data(values=[mark._asdict() for mark in marks])).encode(x=along, y=down)
    edges = alt.Chart(alt.Data(values=[edge._asdict() for edge in boundaries])).encode(y=down, description="text:N")
    layers = [
        edges.mark_rule(strokeWidth=8, opacity=0.25, color=INK).encode(x=alt.X("low:Q", title=x), x2="high:Q"),
        edges.mark_tick(thickness=2, size=_ROW - 6, color=INK).encode(x=along),
        points.mark_circle(size=90, opacity=1).encode(
            color=alt.Color("sign:N", scale=signs, legend=None), description="text:N"
        ),
        points.mark_text(fontSize=10, dy=-11, color=INK).encode(text="label:N"),
    ]
    return alt.layer(*(layers if boundaries else layers[2:]))

"""Methods one under another, each a dot with its interval; perhaps in panels, perhaps with every seed as a tick."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.charts.style import PERCENT, WIDTH, finished

_ROW = 19
"""Height of a row in pixels."""
_LABEL = 300
"""Most pixels of a label; pointing at its dot shows all of it."""


class Dot(NamedTuple):
    """One method in one panel."""

    panel: str
    label: str
    value: float
    low: float
    high: float
    colour: str
    each: Sequence[float] = ()
    """Further values, as ticks."""


def dots(found: Sequence[Dot], rows: Sequence[str], panels: Sequence[str], x: str) -> dict[str, Any]:
    """A panel beside the other, rows from top to bottom.

    Args:
        found: At most one per panel and row.
        rows: Labels in order.
        panels: Titles in order; a single one is not written.
        x: Title of the axis, which shows percent.
    """
    import altair as alt

    values = [
        {**dot._asdict(), "text": f"{dot.label}{f', {dot.panel}' if len(panels) > 1 else ''}: {_interval(dot)}"}
        for dot in found
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("label:N", title=None, sort=list(rows), axis=alt.Axis(labelLimit=_LABEL, grid=True, domain=False)),
        color=alt.Color("colour:N", scale=None),
    )
    along = alt.X("low:Q", title=x, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(format=PERCENT, tickCount=6))
    layers = [
        base.mark_rule(strokeWidth=3, opacity=0.4).encode(x=along, x2="high:Q", description="text:N"),
        base.transform_flatten(["each"]).mark_tick(thickness=1, size=9).encode(x="each:Q", description="text:N"),
        base.mark_circle(size=50, opacity=1).encode(x="value:Q", description="text:N"),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH if len(panels) == 1 else WIDTH * 3 // 4, height=_ROW * len(rows))
    if len(panels) > 1:
        chart = chart.facet(column=alt.Column("panel:N", title=None, sort=list(panels)))
    return finished(chart)


def _interval(dot: Dot) -> str:
    return f"{dot.value:.1%} ({dot.low:.1%} to {dot.high:.1%})"

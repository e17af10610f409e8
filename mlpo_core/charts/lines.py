"""Lines: points with intervals, joined by series."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.charts.style import HEIGHT, WIDTH, finished, scales


class Point(NamedTuple):
    """A point of a series; `text` is shown when one points at it."""

    series: str
    x: float
    y: float
    low: float | None
    high: float | None
    text: str


class Axis(NamedTuple):
    """What is along an axis; `ends` are the first and last value, the figures' own where None."""

    title: str
    form: str
    ends: tuple[float, float] | None = None


def lines(points: Sequence[Point], x: Axis, y: Axis) -> dict[str, Any]:
    """One line per series with its intervals, side by side where x is the same. Along x only whole numbers are marked.

    Args:
        points: In the order of the legend and, within a series, of x.
        x: Horizontal axis.
        y: Vertical axis.
    """
    import altair as alt

    names = list(dict.fromkeys(p.series for p in points))
    aside = {name: (i - (len(names) - 1) / 2) * 0.3 / max(len(names), 6) for i, name in enumerate(names)}
    rows = [{**p._asdict(), "at": p.x + aside[p.series]} for p in points]
    first, last = min(p.x for p in points), max(p.x for p in points)
    whole = list(range(round(first), round(last) + 1, max(1, round((last - first) / 10))))
    marks = scales(names)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "at:Q",
            title=x.title,
            scale=alt.Scale(domain=[first - 0.3, last + 0.3], nice=False),
            axis=alt.Axis(values=whole, format="d", grid=False),
        ),
        y=vertical(y, "y"),
        color=marks["color"],
    )
    layers = [
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=1.4, opacity=0.5)
        .encode(y=vertical(y, "low"), y2="high:Q", description="text:N"),
        base.mark_line(strokeWidth=1.8).encode(description="series:N"),
        base.mark_point(filled=True, size=55, opacity=1).encode(shape=marks["shape"], description="text:N"),
    ]
    return finished(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT))


def vertical(axis: Axis, field: str) -> Any:
    """The encoding of a field along the vertical axis."""
    import altair as alt

    scale = alt.Scale(domain=list(axis.ends)) if axis.ends else alt.Scale(zero=False)
    return alt.Y(f"{field}:Q", title=axis.title, scale=scale, axis=alt.Axis(tickCount=6, format=axis.form))

"""Accuracy against cost: a line of points per method, a number beside its last one, and the front as stairs."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpo_core.charts.style import HEIGHT, INK, PERCENT, SOFT, WIDTH, finished, scales

TALL = HEIGHT + 60
_LABEL, _POINT = (16.0, 12.0), (11.0, 9.0)
"""Pixels, across and down, from the middle of a label to that of any other label and of any point."""
_NEAR = 22
"""Pixels up to which a label needs no line to its point."""
_STEP = 6
_TICKS = 7


class Place(NamedTuple):
    """A point; places of one `line` are joined in their order, `series` gives colour and shape."""

    series: str
    line: str
    x: float
    y: float
    label: str
    """A few characters written near it; empty for none."""
    text: str
    """Shown when one points at it."""


def scatter(
    places: Sequence[Place], front: Sequence[tuple[float, float]], series: Sequence[str], x: str
) -> dict[str, Any]:
    """Points over a logarithmic and an even axis.

    Args:
        places: In the order in which lines join them.
        front: Corners of the stairs, from left to right.
        series: In the order of the legend.
        x: Title of the logarithmic axis.
    """
    import altair as alt

    xs, ys = _ends([math.log10(p.x) for p in places]), _ends([p.y for p in places])
    domain = [10.0**end for end in xs]
    marks = scales(series)
    across = alt.X(
        "x:Q",
        title=f"{x} (log scale)",
        scale=alt.Scale(type="log", nice=False, domain=domain),
        axis=alt.Axis(grid=False, format="~s", values=_round_values(*domain)),
    )
    up = alt.Y(
        "y:Q",
        title="accuracy",
        scale=alt.Scale(domain=list(ys), nice=False),
        axis=alt.Axis(format=PERCENT, tickCount=6),
    )
    base = alt.Chart(alt.Data(values=[{"order": i, **p._asdict()} for i, p in enumerate(places)])).encode(
        x=across, y=up, color=marks["color"]
    )
    corners = [{"x": at, "y": height, "text": "Pareto front"} for at, height in front]
    stairs = (
        alt.Chart(alt.Data(values=corners))
        .mark_line(interpolate="step-after", strokeWidth=1.2, strokeDash=[4, 3], color=SOFT)
        .encode(x=across, y=up, description="text:N")
    )
    joined = base.mark_line(strokeWidth=1.5, opacity=0.7).encode(detail="line:N", order="order:Q", description="line:N")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(shape=marks["shape"], description="text:N")

    at = [_pixels(math.log10(p.x), p.y, xs, ys) for p in places]
    labels = list(labelled(at, [p.label for p in places]))
    beside = alt.Chart(alt.Data(values=labels)).encode(
        x=alt.X("left:Q", scale=None, axis=None), y=alt.Y("top:Q", scale=None, axis=None)
    )
    layers = [
        *(stairs, joined),
        beside.transform_filter("datum.far")
        .mark_rule(strokeWidth=0.7, color=SOFT)
        .encode(x2="point_left:Q", y2="point_top:Q"),
        points,
        beside.mark_text(fontSize=11, fontWeight=600, color=INK, stroke=None).encode(text="label:N"),
    ]
    return finished(alt.layer(*layers).properties(width=WIDTH, height=TALL))


def labelled(points: Sequence[tuple[float, float]], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Where each label that is not empty stands, in pixels: as near to its point as it covers nothing else."""
    taken: list[tuple[float, float]] = []
    for (left, top), label in zip(points, labels, strict=True):
        if label:
            spot = next(s for s in _around(left, top) if _clear(s, taken, _LABEL) and _clear(s, points, _POINT))
            taken.append(spot)
            far = math.dist(spot, (left, top)) > _NEAR
            yield {"label": label, "left": spot[0], "top": spot[1], "point_left": left, "point_top": top, "far": far}


def _clear(spot: tuple[float, float], others: Sequence[tuple[float, float]], apart: tuple[float, float]) -> bool:
    return all(abs(spot[0] - left) >= apart[0] or abs(spot[1] - top) >= apart[1] for left, top in others)


def _around(left: float, top: float) -> Iterator[tuple[float, float]]:
    """Spots ever farther from a point, first within the chart, then anywhere."""
    turns = np.radians(range(0, 360, 30))
    rings = [(r * float(np.cos(a)), r * float(np.sin(a))) for r in range(12, 12 + 100 * _STEP, _STEP) for a in turns]
    spots = [(left + across, top - up) for across, up in rings]
    yield from (s for s in spots if 6 < s[0] < WIDTH - 6 and 6 < s[1] < TALL - 6)
    yield from spots


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Of an axis with room around its values."""
    room = (max(values) - min(values)) * 0.06 or abs(max(values)) * 0.06 or 1.0
    return min(values) - room, max(values) + room


def _pixels(x: float, y: float, xs: tuple[float, float], ys: tuple[float, float]) -> tuple[float, float]:
    return WIDTH * (x - xs[0]) / (xs[1] - xs[0]), TALL * (ys[1] - y) / (ys[1] - ys[0])


def _round_values(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, or powers alone where those are too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]
    return found if len(found) <= _TICKS else [10.0**p for p in powers if low <= 10.0**p <= high]

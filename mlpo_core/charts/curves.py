"""Curves of training: what was measured as a faint line, and over it the mean of a window around each point."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlpo_core.charts.lines import Axis, vertical
from mlpo_core.charts.style import COUNT, HEIGHT, PLAIN, WIDTH, finished, scales

_MOST_POINTS = 240
_SAID = 40
"""Points of a curve that say what they are when one points at them."""
_WINDOW = 20
"""A curve's length over that of the window that smooths it."""
_COLUMNS = 2
"""The UI shows a picture as wide as it is, in a dialog that is no wider than two charts."""

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Steps and values by name."""


def curves(series: Series, form: str, among: Sequence[str]) -> dict[str, Any]:
    """One chart; series of more than 240 points are averaged in groups.

    Args:
        series: What is drawn.
        form: How the vertical axis is written.
        among: Names of all series of this chart and its neighbours.
    """
    return finished(_chart(series, form, WIDTH, HEIGHT, among))


def panels(by_title: Mapping[str, Series]) -> dict[str, Any]:
    """Small charts beside each other, two in a row."""
    import altair as alt

    charts = [_chart(series, PLAIN, WIDTH // 2, HEIGHT // 2, (), title) for title, series in by_title.items()]
    return finished(alt.concat(*charts, columns=_COLUMNS).resolve_scale(color="independent"))


def constant(series: Series) -> bool:
    """Whether no series ever moves, so that a plot of them says nothing."""
    return all(len(set(values)) < 2 for _, values in series.values())


def _chart(series: Series, form: str, width: int, height: int, among: Sequence[str], title: str = "") -> Any:
    import altair as alt

    rows = [row for name, (steps, values) in series.items() for row in _rows(name, steps, values, form)]
    axis = alt.Axis(grid=False, tickCount=6, tickMinStep=1, format=COUNT)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("step:Q", title="optimizer step", scale=alt.Scale(nice=False, zero=False), axis=axis),
        color=scales(list(series), width, among)["color"],
    )
    y = Axis("", form)
    layers = [
        base.mark_line(strokeWidth=1, opacity=0.3).encode(y=vertical(y, "value"), description="series:N"),
        base.mark_line(strokeWidth=2).encode(y=vertical(y, "smooth"), description="series:N"),
        base.transform_filter("isValid(datum.text)")
        .mark_point(filled=True, size=70, opacity=0)
        .encode(y=vertical(y, "smooth"), description="text:N"),
    ]
    heading = {"title": alt.Title(title, fontSize=12, fontWeight=600)} if title else {}
    return alt.layer(*layers).properties(width=width, height=height, **heading)


def _rows(name: str, steps: Sequence[float], values: Sequence[float], form: str) -> list[dict[str, Any]]:
    size = -(-len(steps) // _MOST_POINTS)
    starts = range(0, len(steps), size)
    x, y = (np.array([np.mean(v[start : start + size], dtype=float) for start in starts]) for v in (steps, values))
    half = len(x) // (2 * _WINDOW)
    smooth = np.array([y[max(0, i - half) : i + half + 1].mean() for i in range(len(y))])
    said = set(np.linspace(0, len(x) - 1, min(len(x), _SAID)).round().astype(int).tolist())
    return [
        {
            "series": name,
            "step": float(x[i]),
            "value": float(y[i]),
            "smooth": float(smooth[i]),
            **({"text": _said(name, x[i], y[i], smooth[i], form)} if i in said else {}),
        }
        for i in range(len(x))
    ]


def _said(name: str, step: float, value: float, smooth: float, form: str) -> str:
    measured, mean = (f"{v:.1%}" if form.endswith("%") else f"{v:.4g}" for v in (value, smooth))
    around = f", mean around it {mean}" if mean != measured else ""
    return f"{name}, step {step:.0f}: {measured}{around}"

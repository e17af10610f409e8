"""A stacked histogram of shares between 0 and 1."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlpo_core.charts.style import HEIGHT, INK, PERCENT, WIDTH, finished, scales

BINS = 20


def binned(values: Sequence[float]) -> list[int]:
    """How many values lie in each bin."""
    return np.histogram(np.asarray(values, dtype=float), BINS, (0.0, 1.0))[0].tolist()


def histogram(counts: Mapping[str, Sequence[int]], x: str, y: str, bounds: Sequence[float] = ()) -> dict[str, Any]:
    """Counts per bin of every layer, the first at the bottom.

    Args:
        counts: By layer, as `binned` gives them.
        x: What the values are.
        y: What is counted.
        bounds: Values to mark with a dashed line.
    """
    import altair as alt

    names = {name: f"{name}, {sum(n):,}" for name, n in counts.items()}
    rows = [
        {
            "series": names[name],
            "order": order,
            "from": i / BINS,
            "to": (i + 1) / BINS,
            "n": n,
            "text": f"{name}, {i / BINS:.0%} to {(i + 1) / BINS:.0%}: {n:,} {y}",
        }
        for order, (name, each) in enumerate(counts.items())
        for i, n in enumerate(each)
        if n
    ]
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(stroke=None)
        .encode(
            x=alt.X(
                "from:Q",
                title=x,
                bin="binned",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=PERCENT, grid=False, tickCount=5),
            ),
            x2="to:Q",
            y=alt.Y("n:Q", title=y, stack="zero", axis=alt.Axis(tickCount=6, format="~s", tickMinStep=1)),
            order="order:Q",
            color=scales(list(names.values()))["color"],
            description="text:N",
        )
    )
    marks = [{"bound": bound, "text": f"bound: {bound:.0%}"} for bound in bounds]
    dashed = (
        alt.Chart(alt.Data(values=marks))
        .mark_rule(color=INK, strokeDash=[4, 3])
        .encode(x="bound:Q", description="text:N")
    )
    return finished(alt.layer(bars, *([dashed] if marks else [])).properties(width=WIDTH, height=HEIGHT))

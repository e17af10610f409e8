"""How every chart looks: colours that colour-blind readers tell apart, shapes beside them, sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

INK, SOFT, RULE = "#1c1d21", "#61646d", "#d9dadf"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0578f", "#a87900", "#7d828c", "#2f9fd6")
"""The page has a light and a dark variant of each of these, `--c0` to `--c6`, and of ink, soft and rule."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left")
"""One more than there are colours, so that colour and shape together tell 56 series apart."""
THEMED: Mapping[str, str] = {
    **{colour: f"var(--c{i})" for i, colour in enumerate(COLOURS)},
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    RULE: "var(--rule)",
}
"""What a page's style sheet calls a colour."""
WIDTH, HEIGHT = 400, 230
"""Of the area between the axes, in pixels."""
PERCENT, COUNT = ".0%", "~s"
"""Formats of axes."""
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_LETTER = 6
"""Mean width of a letter of a legend, in pixels; the longest name says how many columns there are."""


def finished(chart: Any) -> dict[str, Any]:
    """A chart as Vega-Lite in the style of all."""
    text = {"labelColor": SOFT, "titleColor": SOFT, "labelFontSize": 11, "titleFontSize": 11.5, "titleFontWeight": 400}
    styled = (
        chart.configure(font=_FONT, background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(gridColor=RULE, gridWidth=0.7, domainColor=SOFT, tickColor=SOFT, titlePadding=8, **text)
        .configure_axisY(domain=False, ticks=False)
        .configure_legend(
            labelLimit=0, symbolLimit=0, symbolSize=55, symbolOpacity=1, columnPadding=24, rowPadding=3, **text
        )
        .configure_header(**text)
    )
    return styled.to_dict()


def scales(names: Sequence[str], width: int = WIDTH) -> dict[str, Any]:
    """Encodings `color` and `shape` of a field `series`, one of each per name, with one legend for both.

    Args:
        names: In the order of the legend.
        width: Of the chart, in pixels.
    """
    import altair as alt

    columns = max(1, width // (_LETTER * max(map(len, names)) + 40))
    legend = alt.Legend(title=None, orient="bottom", columns=columns)
    pick = {"color": COLOURS, "shape": SHAPES}
    made = {
        channel: alt.Scale(domain=list(names), range=[values[i % len(values)] for i in range(len(names))])
        for channel, values in pick.items()
    }
    return {
        "color": alt.Color("series:N", scale=made["color"], legend=legend),
        "shape": alt.Shape("series:N", scale=made["shape"], legend=legend),
    }

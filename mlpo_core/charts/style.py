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
PERCENT, COUNT, PLAIN = ".0%", "~s", ",.6~g"
"""Formats of axes: shares, large counts with k and M, any number."""
_FONT = "Liberation Sans, Arial, Helvetica, DejaVu Sans Condensed, sans-serif"
"""The renderer brings the first and measures with it; the others are as wide."""
_LETTER = 6.2
"""Mean width of a letter of a legend, in pixels; the longest name says how many columns there are."""


def finished(chart: Any) -> dict[str, Any]:
    """A chart as Vega-Lite in the style of all."""
    text = {"labelColor": SOFT, "titleColor": SOFT, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 400}
    styled = (
        chart.configure(font=_FONT, background="transparent", padding={"left": 4, "top": 4, "right": 10, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(gridColor=RULE, gridWidth=0.7, domainColor=SOFT, tickColor=SOFT, titlePadding=8, **text)
        .configure_axisY(domain=False, ticks=False)
        .configure_legend(
            labelLimit=WIDTH - 40, symbolLimit=0, symbolSize=55, symbolOpacity=1, columnPadding=24, rowPadding=3, **text
        )
        .configure_header(**text)
    )
    return styled.to_dict()


def scales(names: Sequence[str], width: int = WIDTH, among: Sequence[str] = ()) -> dict[str, Any]:
    """Encodings `color` and `shape` of a field `series`, one of each per name, with one legend for both.

    Args:
        names: In the order of the legend.
        width: Of the chart, in pixels.
        among: Names of all charts that belong together, so that one looks alike in each of them.
    """
    import altair as alt

    columns = max(1, int(width / (_LETTER * max(map(len, names)) + 40)))
    legend = alt.Legend(title=None, orient="bottom", columns=columns)
    order = list(dict.fromkeys([*among, *names]))
    colours = alt.Scale(domain=list(names), range=[COLOURS[order.index(name) % len(COLOURS)] for name in names])
    shapes = alt.Scale(domain=list(names), range=[SHAPES[order.index(name) % len(SHAPES)] for name in names])
    return {
        "color": alt.Color("series:N", scale=colours, legend=legend),
        "shape": alt.Shape("series:N", scale=shapes, legend=legend),
    }

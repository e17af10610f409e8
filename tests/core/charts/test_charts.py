"""Charts: the same bytes from the same figures, names as text, and labels apart."""

import re
from io import BytesIO
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from mlpo_core.charts.bars import BINS, binned, histogram
from mlpo_core.charts.curves import constant, curves, panels
from mlpo_core.charts.dots import Dot, dots
from mlpo_core.charts.grid import Cell, grid
from mlpo_core.charts.lines import Axis, Point, lines
from mlpo_core.charts.phases import Boundary, Mark, phases
from mlpo_core.charts.render import inline_svg, png, svg
from mlpo_core.charts.scatter import Place, labelled, scatter
from mlpo_core.charts.style import PERCENT, PLAIN

HOSTILE = "</svg><script>alert(1)</script>\"'&\x00\x1b[31m datum.x"
SHOWN = "</svg><script>alert(1)</script>\"'&\ufffd\ufffd[31m datum.x"


def one_of_each(name):
    noisy = np.random.default_rng(0).normal(size=600).tolist()
    dot = Dot("full", name, 0.5, 0.4, 0.6, "#0072b2", (0.45, 0.55))
    return {
        "grid": grid([Cell(name, name, -0.5, name, name), Cell("b", name, 0.2, "", "")], [name, "b"], [name]),
        "lines": lines([Point(name, t, 0.5, 0.4, 0.6, name) for t in (1, 2)], Axis("T", "d"), Axis("right", PERCENT)),
        "curves": curves({name: (list(range(600)), noisy)}, PLAIN, ()),
        "phases": phases(
            [Mark(panel, name, x, "+", "+1", name) for panel in ("p", name) for x in (0.0, 1.0)],
            [Boundary("p", name, 0.5, 0.2, 0.8, name)],
            [name],
            ["p", name],
            "skill",
        ),
        "panels": panels({"loss": {name: ([1, 2], [3.0, 1.0])}}),
        "scatter": scatter([Place("vote", name, 10.0, 0.5, "1", name)], [(10.0, 0.5)], ["vote"], "tokens"),
        "bars": histogram({name: binned([0.1, 0.9])}, "share", "tasks", [0.75]),
        "dots": dots([dot, dot._replace(panel="small")], [name], ["full", "small"], "right"),
    }


@pytest.mark.parametrize("kind", one_of_each("x"))
def test_the_same_figures_give_the_same_bytes(kind):
    first, second = (one_of_each("vote")[kind] for _ in range(2))
    assert inline_svg(first, "a") == inline_svg(second, "a")
    assert png(first) == png(second)


@pytest.mark.parametrize("kind", one_of_each("x"))
def test_a_hostile_name_is_text(kind):
    drawn = inline_svg(one_of_each(HOSTILE)[kind], HOSTILE)
    root = ElementTree.fromstring(drawn)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg",
        "g",
        "path",
        "line",
        "rect",
        "text",
        "title",
    }
    assert SHOWN in " ".join(root.itertext())
    assert root.get("aria-label") == SHOWN


def test_a_chart_takes_the_colours_of_its_page():
    spec = one_of_each("vote")["dots"]
    assert "var(--c0)" in inline_svg(spec, "") and "#0072b2" not in inline_svg(spec, "")
    assert "#0072b2" in svg(spec)


def test_thirty_methods_in_one_place_have_labels_that_do_not_overlap():
    points = [(200 + i % 3, 140.0 + i % 2) for i in range(30)]
    found = list(labelled(points, [str(i) for i in range(30)]))
    assert [label["label"] for label in found] == [str(i) for i in range(30)]
    for one, other in combinations(found, 2):
        assert abs(one["left"] - other["left"]) >= 14 or abs(one["top"] - other["top"]) >= 11
    for label in found:
        assert all(abs(label["left"] - x) >= 11 or abs(label["top"] - y) >= 9 for x, y in points)


def test_a_curve_is_smoothed_over_what_was_measured():
    values = [float(i % 2) for i in range(200)]
    rows = _values(curves({"leader": (list(range(200)), values)}, PERCENT, ()))
    assert [row["value"] for row in rows] == values
    assert max(abs(row["smooth"] - 0.5) for row in rows) < 0.1
    assert rows[0]["text"] == "leader, step 0: 0.0%, mean around it 50.0%"


def test_a_long_curve_is_averaged_in_groups():
    rows = _values(curves({"leader": (list(range(2400)), [1.0] * 2400)}, PLAIN, ()))
    assert len(rows) == 240
    assert (rows[0]["step"], rows[0]["value"]) == (4.5, 1.0)


def test_only_what_never_moves_is_constant():
    still, moving = ([1, 2], [0.0, 0.0]), ([1, 2], [0.0, 0.1])
    assert constant({"a": still}) and constant({"a": still, "b": ([1], [3.0])}) and constant({})
    assert not constant({"a": still, "b": moving})


def test_a_series_looks_alike_in_every_chart():
    alone = curves({"b": ([1, 2], [1.0, 2.0])}, PLAIN, ("a", "b"))
    assert re.findall("var\\(--c\\d\\)", inline_svg(alone, ""))[0] == "var(--c1)"


def test_shares_fall_into_bins_with_both_ends():
    counts = binned([0.0, 0.04, 0.5, 1.0])
    assert len(counts) == BINS and (counts[0], counts[10], counts[-1]) == (2, 1, 1)


def test_a_png_is_small():
    from PIL import Image

    rows = [Dot("", f"method {i}", 0.5, 0.4, 0.6, "#0072b2") for i in range(30)]
    content = png(dots(rows, [row.label for row in rows], [""], "right"))
    assert len(content) < 100_000 and Image.open(BytesIO(content)).width > 800


def _values(spec):
    return spec["data"]["values"] if "data" in spec else spec["layer"][0]["data"]["values"]

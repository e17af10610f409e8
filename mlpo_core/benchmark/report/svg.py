"""Line and bar charts as inline SVG that takes its colours from the page, so that they are readable light and dark."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 10, 42
STYLES = 7
"""Distinct colours and marker shapes; the page defines the classes s0 to s6."""


class Point(NamedTuple):
    """A point, perhaps with an interval around its y."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    tag: str = ""
    """A few characters written beside it."""


class Line(NamedTuple):
    """Points of one style; joined when `joined`, as stairs when `stairs`."""

    label: str
    points: Sequence[Point]
    style: int
    joined: bool = True
    stairs: bool = False
    markers: bool = True


class Axis(NamedTuple):
    """What is along an axis, and from where to where."""

    label: str
    low: float
    high: float
    log: bool = False
    percent: bool = False
    whole: bool = False
    """Only whole numbers are marked."""

    def place(self, value: float) -> float:
        """Position between 0 and 1."""
        low, high, value = (math.log10(v) for v in (self.low, self.high, value)) if self.log else (*self[1:3], value)
        return (value - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[float]:
        """Round values on the axis."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [m * 10.0**p for p in powers for m in (1, 2, 5) if self.low <= m * 10.0**p <= self.high]
            return found if len(found) <= 8 else [v for v in found if f"{v:e}"[0] == "1"]
        step = _round_step((self.high - self.low) / 5)
        step = max(1.0, step) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, value: float) -> str:
        """A tick's label."""
        if self.percent:
            return f"{100 * value:.0f} %"
        for limit, unit in ((1e6, "M"), (1e4, "k")):
            if abs(value) >= limit:
                return f"{value / (1e6 if unit == 'M' else 1e3):g}{unit}"
        return f"{value:.6g}"


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Ends of an axis that leave room around values."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def chart(lines: Sequence[Line], x: Axis, y: Axis, description: str, height: int = HEIGHT) -> Markup:
    """A chart of lines or points; `description` is what a screen reader says."""
    parts = [_open(description, height), _axes(x, y, height)]
    taken: list[tuple[float, float]] = []
    at = [[(_x(x, p.x), _y(y, p.y, height)) for p in line.points] for line in lines]
    for line, places in zip(lines, at, strict=True):
        if line.joined and len(places) > 1:
            parts.append(_path(places, line.style, line.stairs))
        for point, (px, _) in zip(line.points, places, strict=True):
            if point.low is not None and point.high is not None:
                ends = _y(y, point.low, height), _y(y, point.high, height)
                parts.append(f'<path class="whisker s{line.style}" d="M{px:.1f} {ends[0]:.1f}V{ends[1]:.1f}"/>')
        if line.markers:
            parts += [_marker(px, py, line.style) for px, py in places]
            taken += places
    for line, places in zip(lines, at, strict=True):
        for point, place in zip(line.points, places, strict=True):
            if point.tag:
                tx, ty = _free(place, taken, height)
                taken.append((tx, ty))
                parts.append(f'<text class="tag" x="{tx:.1f}" y="{ty + 4:.1f}">{escape(point.tag)}</text>')
    return Markup("".join([*parts, "</svg>"]))


def bars(
    edges: Sequence[float], stacks: Sequence[tuple[str, Sequence[int], int]], x: Axis, y: Axis, text: str
) -> Markup:
    """A stacked histogram.

    Args:
        edges: Ends of the bins, one more than there are bins.
        stacks: Label, count per bin and style of every layer, bottom first.
        x: Horizontal axis.
        y: Vertical axis.
        text: What a screen reader says.
    """
    parts = [_open(text, HEIGHT), _axes(x, y, HEIGHT)]
    base = [0] * (len(edges) - 1)
    for _, counts, style in stacks:
        for i, n in enumerate(counts):
            if n:
                left, right = _x(x, edges[i]) + 0.5, _x(x, edges[i + 1]) - 0.5
                top, bottom = _y(y, base[i] + n, HEIGHT), _y(y, base[i], HEIGHT)
                size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
                parts.append(f'<rect class="s{style}" x="{left:.1f}" y="{top:.1f}" {size}/>')
            base[i] += n
    return Markup("".join([*parts, "</svg>"]))


def swatch(style: int) -> Markup:
    """The marker of a style, for a legend."""
    return Markup(f'<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">{_marker(6, 6, style)}</svg>')


def _open(description: str, height: int) -> str:
    label = escape(description)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'


def _axes(x: Axis, y: Axis, height: int) -> str:
    bottom, right = height - _BOTTOM, WIDTH - _RIGHT
    parts: list[str] = []
    for value in y.ticks():
        at = _y(y, value, height)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{right}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 6}" y="{at + 4:.1f}">{y.text(value)}</text>')
    for value in x.ticks():
        at = _x(x, value)
        parts.append(f'<path class="axis" d="M{at:.1f} {bottom}v4"/>')
        parts.append(f'<text class="tick middle" x="{at:.1f}" y="{bottom + 17}">{x.text(value)}</text>')
    parts.append(f'<path class="axis" d="M{_LEFT} {bottom}H{right}"/>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text class="label middle" x="{middle}" y="{height - 6}">{escape(x.label)}</text>')
    return "".join(parts)


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float, height: int) -> float:
    return height - _BOTTOM - axis.place(value) * (height - _TOP - _BOTTOM)


def _path(places: Sequence[tuple[float, float]], style: int, stairs: bool) -> str:
    steps = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    steps += [f"H{px:.1f}V{py:.1f}" if stairs else f"L{px:.1f} {py:.1f}" for px, py in places[1:]]
    kind = "front" if stairs else f"line s{style}"
    return f'<path class="{kind}" d="{"".join(steps)}"/>'


def _marker(px: float, py: float, style: int) -> str:
    shapes = (
        f"M{px - 4:.1f} {py:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        f"M{px - 3.5:.1f} {py - 3.5:.1f}h7v7h-7z",
        f"M{px:.1f} {py - 4.5:.1f}l4.5 8h-9z",
        f"M{px:.1f} {py - 5:.1f}l5 5l-5 5l-5 -5z",
        f"M{px:.1f} {py + 4.5:.1f}l4.5 -8h-9z",
        f"M{px - 4.5:.1f} {py - 1.5:.1f}h3v-3h3v3h3v3h-3v3h-3v-3h-3z",
        f"M{px - 5:.1f} {py - 2:.1f}h10v4h-10z",
    )
    return f'<path class="marker s{style}" d="{shapes[style % STYLES]}"/>'


def _free(place: tuple[float, float], taken: Sequence[tuple[float, float]], height: int) -> tuple[float, float]:
    """Where a tag near a point is farthest from everything else."""
    best, best_distance = place, -1.0
    for radius in (12, 20, 30):
        for angle in range(0, 360, 45):
            tx = place[0] + radius * math.cos(math.radians(angle))
            ty = place[1] - radius * math.sin(math.radians(angle))
            if not (_LEFT + 6 < tx < WIDTH - _RIGHT - 6 and _TOP + 6 < ty < height - _BOTTOM - 6):
                continue
            distance = min(math.dist((tx, ty), other) for other in taken)
            if distance > 11.5:
                return tx, ty
            if distance > best_distance:
                best, best_distance = (tx, ty), distance
    return best


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next((m * power for m in (1, 2, 5, 10) if m * power >= raw), power)

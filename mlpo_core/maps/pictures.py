"""The map as pictures: leads along an axis, and phase diagrams of a plane, each with where the sign changes."""

import re
from collections.abc import Iterator
from typing import Any

from mlpo_core.benchmark.report.lookup import points
from mlpo_core.charts.grid import Cell, grid
from mlpo_core.charts.phases import Boundary, Mark, phases
from mlpo_core.experiment import Axis, Plane
from mlpo_core.maps.layout import Figure, Lead, Sheet
from mlpo_core.maps.leads import AHEAD, BEHIND, Crossing
from mlpo_core.maps.tables import crossing, figure, place

_SIGNS = {AHEAD: "+", BEHIND: "−"}
_T = re.compile(r" T=(\d+)$")


def of_axis(sheet: Sheet, axis: Axis) -> dict[str, Any] | None:
    """A row per lead; None where nothing has been measured."""
    there = [(lead, name, f) for lead in sheet.leads for name in axis.points if (f := sheet.figure(lead, name))]
    rows = list(dict.fromkeys(lead.name for lead, _, _ in there))
    if not rows:
        return None
    if not axis.numeric:
        cells = [
            Cell(lead.name, place(axis.points[n]), f.difference, points(f.difference), figure(f))
            for lead, n, f in there
        ]
        return grid(cells, rows, list(map(place, axis.points.values())))
    marks = [_mark("", lead.name, float(axis.points[name]), f) for lead, name, f in there]
    edges = [_boundary("", lead.name, found) for lead in sheet.leads for found in sheet.crossings(lead, axis)]
    return phases(marks, edges, rows, [""], axis.turns)


def of_plane(sheet: Sheet, plane: Plane) -> dict[str, Any] | None:
    """A panel per lead, or per alternative where T is turned; None where nothing has been measured."""
    rows = list(dict.fromkeys(place(down) for _, down in plane.points.values()))
    marks, edges = list[Mark](), list[Boundary]()
    for panel, row, found in _strips(sheet, plane):
        measured = {x: f for x, (lead, name) in found.items() if (f := sheet.figure(lead, name))}
        marks += [_mark(panel, row, x, f) for x, f in measured.items()]
        edges += [_boundary(panel, row, c) for c in sheet.along(found)]
    panels = list(dict.fromkeys(mark.panel for mark in marks))
    return phases(marks, edges, rows, panels, plane.across) if marks else None


def _strips(sheet: Sheet, plane: Plane) -> Iterator[tuple[str, str, dict[float, tuple[Lead, str]]]]:
    """Panel, row, and what stands along it by place: a lead at a point."""
    if not plane.rounds:
        for lead in sheet.leads:
            for row in dict.fromkeys(down for _, down in plane.points.values()):
                there = {x: (lead, name) for name, (x, down) in plane.points.items() if down == row}
                yield lead.name, place(row), there
        return
    by_rival: dict[str, dict[float, Lead]] = {}
    for lead in sheet.leads:
        if found := _T.search(lead.claim.method):
            panel = f"{lead.claim.method[: found.start()]} over {lead.rival}"
            by_rival.setdefault(panel, {})[float(found[1])] = lead
    for panel, by_t in by_rival.items():
        if len(by_t) > 1:
            for name, (_, row) in plane.points.items():
                yield panel, place(row), {t: (lead, name) for t, lead in by_t.items()}


def _mark(panel: str, row: str, x: float, found: Figure) -> Mark:
    said = f"{row}, {place(x)}: {figure(found)}"
    return Mark(panel, row, x, _SIGNS.get(found.state, ""), points(found.difference), said)


def _boundary(panel: str, row: str, found: Crossing) -> Boundary:
    low, high = found.interval
    return Boundary(panel, row, found.at, low, high, f"{row}: sign changes at {crossing(found)}")

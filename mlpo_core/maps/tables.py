"""The map as tables: every method and every lead along an axis, and the rules of thumb that follow."""

from mlpo_core.benchmark.report.lookup import MISSING, percent, points
from mlpo_core.benchmark.report.views import View
from mlpo_core.experiment import Axis
from mlpo_core.maps.layout import Figure, Lead, Sheet
from mlpo_core.maps.leads import AHEAD, BEHIND, EVEN, Crossing


def methods(sheet: Sheet, axis: Axis) -> View:
    """Every method at every point of an axis."""
    rows = [
        [way, at, *cells]
        for way, at in sheet.ways()
        if any(cells := [_accuracy(sheet, way, at, name) for name in axis.points])
    ]
    shown = [[cell or MISSING for cell in row] for row in rows]
    caption = "Percent right over all test tasks, mean over seeds, with 95 % Wilson intervals over tasks."
    columns = ["method", "recipe", *map(place, axis.points.values())]
    return View(f"methods-{axis.id}", axis.turns, caption, columns, shown, labels=2)


def leads(sheet: Sheet, axis: Axis) -> View:
    """Every lead at every point of an axis, and where it changes sign."""
    rows = [
        [
            lead.method,
            lead.rival,
            *(figure(sheet.figure(lead, name)) for name in axis.points),
            "; ".join(crossing(found) for found in sheet.crossings(lead, axis)) or MISSING,
        ]
        for lead in sheet.leads
    ]
    caption = (
        "Points of percent right that the method is ahead, on the same tasks and seeds, with 95 % bootstrap intervals. "
        "Where the sign changes between two points, its place is by linear interpolation, and its interval by "
        "resampling tasks and seeds of all points together."
    )
    columns = ["method", "over", *map(place, axis.points.values()), "sign changes at"]
    return View(f"leads-{axis.id}", f"Leads: {axis.turns}", caption, columns, rows, labels=2)


def rules(sheet: Sheet, axes: tuple[Axis, ...]) -> View:
    """What follows for one who asks what to do, lead by lead and axis by axis, with the points behind it."""
    rows = [
        [lead.name, axis.turns, rule(sheet, lead, axis), _behind(sheet, lead, axis)]
        for lead in sheet.leads
        for axis in axes
        if sum(sheet.figure(lead, name) is not None for name in axis.points) > 1
    ]
    caption = (
        "Ahead and behind are said where the paired 95 % interval leaves out zero. They hold for these miniatures, "
        "with everything else as where the axes meet; the intervals are not corrected for how many there are."
    )
    return View("rules", "Rules of thumb", caption, ["lead", "turned", "rule", "points behind it"], rows, labels=4)


def rule(sheet: Sheet, lead: Lead, axis: Axis) -> str:
    """One sentence about a lead along an axis."""
    by_state = {
        kind: [place(axis.points[name]) for name in axis.points if _state(sheet, lead, name) == kind]
        for kind in (AHEAD, BEHIND, EVEN)
    }
    measured = sum(map(len, by_state.values()))
    for kind in (AHEAD, BEHIND):
        if len(by_state[kind]) == measured:
            return f"{kind} everywhere measured"
    if len(by_state[EVEN]) == measured:
        return "no lead is shown either way"
    where = "; ".join(f"{kind} at {', '.join(places)}" for kind, places in by_state.items() if places)
    turns = "; ".join(
        f"ahead {'above' if found.rises else 'below'} {crossing(found)}" for found in sheet.crossings(lead, axis)
    )
    return f"{turns}: {where}" if turns else where


def figure(found: Figure | None) -> str:
    """A lead with its interval."""
    return MISSING if found is None else f"{points(found.difference)} ({points(found.low)} to {points(found.high)})"


def crossing(found: Crossing) -> str:
    """The place of a change of sign with its interval."""
    return f"{found.at:.3g} ({found.interval.low:.3g} to {found.interval.high:.3g})"


def place(value: float | str) -> str:
    """Where a point stands."""
    return value if isinstance(value, str) else f"{value:g}"


def _state(sheet: Sheet, lead: Lead, name: str) -> str:
    found = sheet.figure(lead, name)
    return found.state if found else ""


def _behind(sheet: Sheet, lead: Lead, axis: Axis) -> str:
    there = [(name, at, sheet.figure(lead, name)) for name, at in axis.points.items()]
    return "; ".join(f"{place(at)} [{name}]: {figure(found)}" for name, at, found in there if found)


def _accuracy(sheet: Sheet, way: str, at: str, point: str) -> str:
    found = sheet.accuracy(way, at, point)
    return f"{percent(found[0])} ({percent(found[1])}–{percent(found[2])})" if found else ""

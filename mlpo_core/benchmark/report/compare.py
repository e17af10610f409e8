"""Puts experiments side by side: what was set differently, and what came of it.

Where two are compared that have the same test tasks and seeds, methods are tested in pairs on the same tasks; elsewhere
the figures stand beside each other with their own intervals, and the page says why there is no test.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpo_core.benchmark.comparisons import Pair, compare, is_oracle, verdicts
from mlpo_core.benchmark.metric import ALL, Metric, from_table
from mlpo_core.benchmark.outcomes import Outcomes, Way, check_grading, read_outcomes
from mlpo_core.benchmark.report.lookup import MISSING, Figures, count, duration, listed, p_value, points, with_interval
from mlpo_core.benchmark.report.page import render
from mlpo_core.benchmark.report.several import front_view, places, plot
from mlpo_core.benchmark.report.views import View, markdown, plain
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset

_NAMED = 3


class Side(NamedTuple):
    """One of the experiments, with its tasks, predictions and report."""

    experiment: Experiment
    tasks: Dataset
    predictions: Dataset
    report: Dataset


class Page(NamedTuple):
    """The comparison in both forms."""

    html: bytes
    markdown: str


def side_by_side(*sides: Side) -> Page:
    """Compare experiments: two in pairs, more of them on one picture.

    Raises:
        BadInput: Predictions of one cannot be compared, or they were graded differently.
    """
    names = [side.experiment.name for side in sides]
    outcomes = [read_outcomes(side.tasks, side.predictions) for side in sides]
    figures = [Figures(from_table(side.report.table())) for side in sides]
    obstacle = next((o for other in range(1, len(sides)) if (o := _obstacle(outcomes, names, other))), "")
    if not obstacle:
        check_grading(*(side.predictions for side in sides))
    two = len(sides) == 2
    tested = _tests(outcomes) if two and not obstacle else {}
    found = [] if two else places(names, [side.experiment.k for side in sides], figures)
    drawn = plot(found)
    views = [
        *([front_view(found)] if found else []),
        _settings(sides, names),
        _accuracy(figures, names, tested),
        _costs(figures, names),
        _totals(figures, names),
    ]
    same = f"The same {len(outcomes[0].task_ids):,} test tasks in all of them, seeds {listed(outcomes[0].seeds)}: "
    tests = "differences are paired, with a bootstrap interval; p-values are corrected over the table (Holm)."
    note = obstacle or same + (tests if two else "figures may be compared. Two experiments alone are tested in pairs.")
    title = " and ".join(names) if two else f"{len(sides)} experiments: {listed(names)}"
    text = [f"# {plain(title)}\n", plain(note), "", *(markdown(v) for v in views)]
    plots = [drawn] if drawn else []
    return Page(render("compare.html.j2", title=title, note=note, views=views, plots=plots), "\n".join(text))


def _obstacle(outcomes: list[Outcomes], names: list[str], other: int) -> str:
    """Why methods of the first experiment and another cannot be paired; empty when they can."""
    outcomes, names = [outcomes[0], outcomes[other]], [names[0], names[other]]
    tasks = [set(o.task_ids) for o in outcomes]
    if tasks[0] != tasks[1]:
        only = [sorted(tasks[i] - tasks[1 - i]) for i in (0, 1)]
        which = "; ".join(
            f"{len(ids):,} only in {name} ({listed(ids[:_NAMED])}{', …' if len(ids) > _NAMED else ''})"
            for name, ids in zip(names, only, strict=True)
            if ids
        )
        return f"The test tasks differ, so nothing is tested in pairs: {which}."
    if list(outcomes[0].seeds) != list(outcomes[1].seeds):
        return "The evaluation seeds differ, so nothing is tested in pairs: " + "; ".join(
            f"{name} has {listed(o.seeds)}" for name, o in zip(names, outcomes, strict=True)
        )
    return ""


def _tests(outcomes: list[Outcomes]) -> dict[Way, dict[str, Metric]]:
    """Every common method, the second experiment's against the first's, by metric name."""
    first, second = outcomes
    position = {task: i for i, task in enumerate(second.task_ids)}
    order = np.array([position[task] for task in first.task_ids])
    ways = [w for w in first.answers if w in second.answers]
    results = [compare(second.answers[w].correct[:, order], first.answers[w].correct, w) for w in ways]
    found: dict[Way, dict[str, Metric]] = {w: {} for w in ways}
    metrics = verdicts("side_by_side", ALL, [Pair(w, w) for w in ways], results)
    by_label = {str(w): w for w in ways}
    for metric in metrics:
        found[by_label[metric.versus]][metric.metric] = metric
    return found


def _settings(sides: Sequence[Side], names: list[str]) -> View:
    flat = [dict(_flat(side.experiment.model_dump(mode="json", exclude={"name", "description"}))) for side in sides]
    keys = [k for k in dict.fromkeys(k for f in flat for k in f) if any(f.get(k) != flat[0].get(k) for f in flat)]
    rows = [[key, *(str(f.get(key, MISSING)) for f in flat)] for key in keys]
    notes = [] if rows else ["No setting differs."]
    return View("settings", "What was set differently", "", ["setting", *names], rows, len(names) + 1, notes)


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        items = list(values.items())
    elif isinstance(values, list) and any(isinstance(v, dict) for v in values):
        items = list(enumerate(values))
    else:
        yield path, values
        return
    for key, value in items:
        yield from _flat(value, f"{path}.{key}" if path else str(key))


def _accuracy(figures: list[Figures], names: list[str], tested: Mapping[Way, Mapping[str, Metric]]) -> View:
    rows: list[list[str]] = []
    for way in _ways(figures):
        row = [str(way), *(with_interval(f.get("accuracy", way, "accuracy")) for f in figures)]
        if tested:
            found = tested.get(way)
            difference = found["difference"] if found else None
            row += (
                [
                    points(difference.value or 0.0),
                    f"{points(difference.low or 0.0)} to {points(difference.high or 0.0)}",
                    p_value(found["p_holm"].value),
                    difference.note,
                ]
                if found and difference
                else [MISSING] * 4
            )
        rows.append(row)
    columns = ["method", *names]
    columns += ["difference", "95 % interval", "p Holm", f"{names[1]} is"] if tested else []
    return View("accuracy", "Accuracy", "Percent, with 95 % Wilson intervals over tasks.", columns, rows)


def _costs(figures: list[Figures], names: list[str]) -> View:
    rows: list[list[str]] = []
    for way in _ways(figures):
        cells = [f.get("cost", way, name) for name in ("tokens", "generations") for f in figures]
        rows.append([str(way), *(count(c.value if c else None) for c in cells)])
    columns = ["method", *(f"{what}, {name}" for what in ("tokens", "generations") for name in names)]
    return View("costs", "Cost of one answer", "Means per answer.", columns, rows)


def _totals(figures: list[Figures], names: list[str]) -> View:
    seconds = [{m.method: m.seconds for m in f.of("total", "seconds")} for f in figures]
    trained = [{m.method: m.value for m in f.of("training", "tokens")} for f in figures]
    assets = list(dict.fromkeys(a for s in seconds for a in s))
    rows = [
        [asset, *(duration(s.get(asset)) for s in seconds), *(count(t.get(asset)) for t in trained)] for asset in assets
    ]
    columns = ["asset", *(f"time, {n}" for n in names), *(f"training tokens, {n}" for n in names)]
    return View("totals", "Cost of the experiments", "Shared versions are counted in each.", columns, rows)


def _ways(figures: list[Figures]) -> list[Way]:
    """Every method of any of them, best first, oracles last."""
    ways = list(dict.fromkeys(w for f in figures for w in f.ways))
    return sorted(ways, key=lambda w: (is_oracle(w.method), -max(f.accuracy(w) for f in figures)))

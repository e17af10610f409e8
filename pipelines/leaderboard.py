"""Ranks experiments by what their reports say first."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg

from mlpo_core.charts.dots import Dot, dots
from mlpo_core.charts.render import png
from mlpo_core.charts.style import COLOURS
from mlpo_core.store import Dataset

_DRAWN = 40
"""Experiments of the picture."""


class Place(NamedTuple):
    """An experiment's method in question, at its best number of rounds; accuracies in percent."""

    experiment: str
    method: str
    accuracy: float
    low: float
    high: float
    others: Mapping[str, float]
    """Accuracy of what it is compared with; oracles are left out."""
    tokens: str
    tasks: int


def rank(reports: Mapping[str, Dataset]) -> list[Place]:
    """The experiments, the most accurate first.

    Args:
        reports: A version of `benchmark_report` by experiment.
    """
    places = [_place(name, report.manifest.stats) for name, report in reports.items()]
    return sorted(places, key=lambda place: (-place.accuracy, place.experiment))


def _place(experiment: str, stats: Mapping[str, Any]) -> Place:
    rows: Sequence[Sequence[str]] = stats["headline_table"]["rows"]
    real = [row for row in rows if not row[0].endswith("(oracle)")]
    own = [row for row in real if row[0].split(" ")[0] == stats["reference"]]
    best = max(own, key=lambda row: float(row[1]))
    low, high = (float(end) for end in best[2].split("–"))
    others = {row[0]: float(row[1]) for row in real if row not in own}
    return Place(experiment, best[0], float(best[1]), low, high, others, best[5], stats["test_tasks"])


def table(places: Sequence[Place]) -> dg.TableMetadataValue:
    """One row per experiment."""
    return dg.MetadataValue.table([dg.TableRecord(_record(place)) for place in places])


def _record(place: Place) -> dict[str, str | int | float]:
    runner_up = max(place.others, key=lambda method: place.others[method], default="")
    return {
        "experiment": place.experiment,
        "method": place.method,
        "accuracy, %": place.accuracy,
        "95 % interval": f"{place.low}–{place.high}",
        "best other method": runner_up,
        "its accuracy, %": place.others.get(runner_up, ""),
        "tokens per answer": place.tokens,
        "test tasks": place.tasks,
    }


def picture(places: Sequence[Place]) -> dg.MarkdownMetadataValue:
    """Every experiment's accuracy with its interval; its other methods as ticks."""
    found = [
        Dot(
            "",
            p.experiment,
            p.accuracy / 100,
            p.low / 100,
            p.high / 100,
            COLOURS[1],
            [a / 100 for a in p.others.values()],
        )
        for p in places[:_DRAWN]
    ]
    title = "accuracy on the test tasks; ticks: other methods of the same experiment"
    image = base64.b64encode(png(dots(found, [p.experiment for p in places[:_DRAWN]], [""], title))).decode()
    return dg.MetadataValue.md(f"![leaderboard](data:image/png;base64,{image})")

"""Several experiments on one picture: accuracy against tokens, a line per method through them, with the Pareto front.

Made for a sweep over K: what do more agents buy the trained leader, and what do they buy a vote?
"""

from collections.abc import Sequence
from typing import NamedTuple

from mlpo_core.benchmark.comparisons import is_oracle
from mlpo_core.benchmark.costs import pareto
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.benchmark.report.lookup import Figures, count, percent
from mlpo_core.benchmark.report.plots import Plot, against_tokens, kind_of
from mlpo_core.benchmark.report.views import View
from mlpo_core.charts.scatter import Place as Drawn


class Place(NamedTuple):
    """A way of answering in one of the experiments; `line` is the same for what belongs together in all of them."""

    experiment: str
    k: int
    way: Way
    line: str
    tokens: float
    accuracy: float


def places(names: Sequence[str], ks: Sequence[int], figures: Sequence[Figures]) -> list[Place]:
    """Every way whose tokens were recorded, at T=1 and at its last T, without oracles; experiments with fewer agents
    first."""
    found: list[Place] = []
    for name, k, of in sorted(zip(names, ks, figures, strict=True), key=lambda side: side[1]):
        for way in of.headline_ways:
            tokens = of.get("cost", way, "tokens")
            if tokens and tokens.value and not is_oracle(way.method):
                found.append(Place(name, k, way, _line(way, k), tokens.value, of.accuracy(way)))
    return found


def front(found: Sequence[Place]) -> list[Place]:
    """The places that no other beats, the cheapest first."""
    kept = pareto({place: (place.tokens, place.accuracy) for place in found})
    return sorted(kept, key=lambda place: place.tokens)


def front_view(found: Sequence[Place]) -> View:
    """The front as a table."""
    rows = [[str(p.way), p.experiment, str(p.k), count(p.tokens), percent(p.accuracy)] for p in front(found)]
    return View(
        "front",
        "Worth their tokens",
        "The Pareto front over all of these experiments: no other is as accurate for fewer tokens (oracles left out).",
        ["method", "experiment", "agents K", "tokens per answer", "right, %"],
        rows,
        labels=2,
    )


def plot(found: Sequence[Place]) -> Plot | None:
    """Accuracy against tokens; a line joins one method over the experiments, from few agents to many."""
    if len(found) < 2:
        return None
    by_line: dict[str, list[Place]] = {}
    for place in found:
        by_line.setdefault(place.line, []).append(place)
    best = sorted(by_line, key=lambda line: -max(p.accuracy for p in by_line[line]))
    drawn = [
        Drawn(
            kind_of(place.way.method),
            line,
            place.tokens,
            place.accuracy,
            str(number) if place is by_line[line][-1] else "",
            f"{place.way}, {place.experiment}: {percent(place.accuracy)} %, {count(place.tokens)} tokens",
        )
        for number, line in enumerate(best, start=1)
        for place in by_line[line]
    ]
    title = "Accuracy against tokens, over these experiments"
    return Plot(
        title,
        "Up and left is better. The stairs are the Pareto front. A line joins one method over the experiments, from "
        "few agents to many, with its number at the last.",
        against_tokens(drawn, [(p.tokens, p.accuracy) for p in front(found)], title),
        [(str(number), line) for number, line in enumerate(best, start=1)],
    )


def _line(way: Way, k: int) -> str:
    """What a way is called in all experiments: the vote of K is one method, whatever K is."""
    return "majority_vote@K" if way.method == f"majority_vote@{k}" else str(way)

"""What the report says first: the question, every method with its interval, and what is significant."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlpo_core.benchmark.comparisons import BETTER, UNDECIDED, WORSE, is_oracle
from mlpo_core.benchmark.dollars import DOLLARS
from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.benchmark.report.lookup import (
    MISSING,
    Figures,
    count,
    dollars,
    duration,
    listed,
    percent,
    points,
    way_of,
)
from mlpo_core.benchmark.report.views import View
from mlpo_core.store import Manifest


class Row(NamedTuple):
    """One method in the headline table; shares are 0 to 1."""

    label: str
    accuracy: float
    low: float
    high: float
    difference: str
    """What the reference has over this method, in points."""
    at: str
    """The rounds of the reference in this comparison, such as `T=5`; empty where it has none."""
    verdict: str
    tokens: str
    generations: str
    oracle: bool
    reference: bool


class Finding(NamedTuple):
    """What a method was found to be better and worse than."""

    way: str
    better: Sequence[str]
    worse: Sequence[str]
    undecided: Sequence[str]


def question(reference: str) -> str:
    """What the report answers."""
    if reference == "mlpo_leader/team":
        return (
            "Does a leader trained to read its team's answers beat the team, its votes, and leaders trained otherwise?"
        )
    if "leader" in reference:
        return f"How good is {reference} beside the team, its votes, and other leaders?"
    return "How good is this team without a leader: alone, by vote, and at best?"


def rows(figures: Figures, reference: str) -> list[Row]:
    """Methods by accuracy, oracles last."""
    ways = sorted(figures.headline_ways, key=lambda w: (is_oracle(w.method), -figures.accuracy(w)))
    return [_row(figures, way, reference) for way in ways]


def _row(figures: Figures, way: Way, reference: str) -> Row:
    found = figures.get("accuracy", way, "accuracy")
    assert found and found.value is not None and found.low is not None and found.high is not None  # noqa: S101 - narrows a type
    comparison = _against(figures, way, reference)
    costs = [figures.get("cost", way, name) for name in ("tokens", "generations")]
    return Row(
        label=str(way),
        accuracy=found.value,
        low=found.low,
        high=found.high,
        difference=points(comparison.value) if comparison and comparison.value is not None else "",
        at=way_of(comparison).group if comparison else "",
        verdict=comparison.note if comparison else "",
        tokens=count(costs[0].value if costs[0] else None),
        generations=count(costs[1].value if costs[1] else None),
        oracle=is_oracle(way.method),
        reference=way.method == reference,
    )


def _against(figures: Figures, way: Way, reference: str) -> Metric | None:
    """The comparison of the reference, at its last T that was compared, with a method."""
    found = [m for m in figures.of("comparison", "difference", "all") if m.versus == str(way) and m.method == reference]
    return max(found, key=lambda m: way_of(m).rounds) if found else None


def findings(figures: Figures) -> list[Finding]:
    """Verdicts by the method that was compared."""
    found: dict[str, list[Metric]] = {}
    for metric in figures.of("comparison", "difference", "all"):
        if metric.value is not None:
            found.setdefault(str(way_of(metric)), []).append(metric)
    return [
        Finding(way, *([m.versus for m in metrics if m.note == v] for v in (BETTER, WORSE, UNDECIDED)))
        for way, metrics in found.items()
    ]


def sentence(finding: Finding) -> str:
    """A finding in words."""
    parts = [
        f"{words} {listed(names)}"
        for words, names in (
            ("is significantly better than", finding.better),
            ("is significantly worse than", finding.worse),
            ("shows no significant difference from", finding.undecided),
        )
        if names
    ]
    return f"{finding.way} {'; '.join(parts)}." if parts else ""


def costs(figures: Figures) -> str:
    """What the whole experiment cost, in words."""
    seconds = sum(m.seconds or 0.0 for m in figures.of("total", "seconds"))
    calls = sum(m.value or 0.0 for m in figures.of("total", "generations"))
    tokens = sum(m.value or 0.0 for name in ("prompt_tokens", "completion_tokens") for m in figures.of("total", name))
    logged = [m for name in ("rollout_tokens", "update_tokens") for m in figures.of("training", name)]
    trained = sum(m.value or 0.0 for m in logged)
    parts = [
        f"{duration(seconds)} of work in all stages",
        f"{count(calls)} recorded generations with {count(tokens)} tokens",
    ]
    paid = sum(m.value or 0.0 for m in figures.of("total", DOLLARS))
    parts += [f"{dollars(paid)} for what endpoints answered"] if paid else []
    missing = " (not all logged)" if any(m.value is None for m in logged) else ""
    return ", ".join([*parts, f"{count(trained)} tokens in training{missing}"] if trained else parts)


def numbers(figures: Figures, table: Sequence[Row], reference: str) -> dict[str, float]:
    """The headline as numbers by name, so that they can be drawn over time and over experiments.

    Accuracies are in percent, what the reference has over a method in points, tokens per answer; what was not measured
    is left out. `seconds of all stages` is the work in every version that the report rests on.
    """
    ways = {str(way): way for way in figures.headline_ways}
    found: dict[str, float | None] = {f"accuracy, %: {row.label}": 100 * row.accuracy for row in table}
    for row in table:
        comparison = _against(figures, ways[row.label], reference)
        lead = None if comparison is None or comparison.value is None else 100 * comparison.value
        found[f"lead of {reference}, points: over {row.label}"] = lead
    for row in table:
        cost = figures.get("cost", ways[row.label], "tokens")
        found[f"tokens per answer: {row.label}"] = cost.value if cost else None
    found["seconds of all stages"] = sum(m.seconds or 0.0 for m in figures.of("total", "seconds"))
    return {name: round(value, 3) for name, value in found.items() if value is not None}


def as_view(table: Sequence[Row], reference: str, caption: str) -> View:
    """The headline as an ordinary table."""
    cells = [
        [
            f"{row.label} (oracle)" if row.oracle else row.label,
            percent(row.accuracy),
            f"{percent(row.low)}–{percent(row.high)}",
            _lead(row),
            row.verdict or MISSING,
            row.tokens,
            row.generations,
        ]
        for row in table
    ]
    columns = [
        "method",
        "accuracy, %",
        "95 % interval",
        f"{reference} over it",
        f"{reference} is",
        "tokens",
        "generations",
    ]
    return View("headline", "Accuracy on the test tasks", caption, columns, cells)


def _lead(row: Row) -> str:
    """A difference, with the T of the reference that has it: another row may be compared with another T."""
    return ": ".join(part for part in (row.at, row.difference) if part) or MISSING


def headline_text(source: Manifest | Mapping[str, Any]) -> str:
    """The headline table as plain text, for a terminal.

    Args:
        source: The manifest of a `benchmark_report` version, or its stats.
    """
    stats = source.stats if isinstance(source, Manifest) else source
    table: dict[str, Any] = stats["headline_table"]
    lines: list[list[str]] = [table["columns"], *table["rows"]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([shown[0], "─" * len(shown[0]), *shown[1:], "", *table["findings"]])

"""Finds figures among the report's metrics, and says them: tables and plots read nothing else."""

from collections.abc import Iterable, Sequence

from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import Way

MISSING = "–"


class Figures:
    """The metrics of a report, by what they are about."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self._by_key = {(m.table, m.benchmark, m.method, m.group, m.versus, m.metric): m for m in metrics}
        self.ways = list(dict.fromkeys(way_of(m) for m in metrics if m.table == "accuracy" and m.metric == "accuracy"))

    def get(
        self, table: str, way: Way, metric: str, benchmark: str = ALL, group: str = "", versus: str = ""
    ) -> Metric | None:
        """One figure about a way; `group` is what stands before its T."""
        joined = " | ".join(part for part in (group, way.group) if part)
        return self._by_key.get((table, benchmark, way.method, joined, versus, metric))

    def of(self, table: str, metric: str | None = None, benchmark: str | None = None) -> list[Metric]:
        """The figures of a table, in order."""
        return [
            m
            for m in self.metrics
            if m.table == table and metric in (None, m.metric) and benchmark in (None, m.benchmark)
        ]

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks by name; a single one is the same as all."""
        return list(dict.fromkeys(m.benchmark for m in self.of("accuracy") if m.benchmark != ALL))

    @property
    def headline_ways(self) -> list[Way]:
        """Every method at T=1 and at its last T."""
        return [w for w in self.ways if w.rounds in (1, self.last(w.method).rounds)]

    def last(self, method: str) -> Way:
        """A method at its last T."""
        return max((w for w in self.ways if w.method == method), key=lambda w: w.rounds)

    def accuracy(self, way: Way) -> float:
        """Over all tasks."""
        found = self.get("accuracy", way, "accuracy")
        return found.value if found and found.value is not None else 0.0


def way_of(metric: Metric) -> Way:
    """The method and T that a figure is about."""
    return way_named(metric.method, metric.group.rpartition(" | ")[2])


def way_named(method: str, group: str) -> Way:
    """The way of a method and a group such as `T=5`."""
    rounds = group.removeprefix("T=")
    return Way(method, int(rounds) if group.startswith("T=") and rounds.isdigit() else 0)


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage, without the sign."""
    return MISSING if value is None else f"{100 * value:.{digits}f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def with_interval(metric: Metric | None) -> str:
    """A share with its interval, or why there is none."""
    if metric is None or metric.value is None:
        return (metric.note if metric else "") or MISSING
    if metric.interval is None:
        return percent(metric.value)
    return f"{percent(metric.value)} ({percent(metric.low)}–{percent(metric.high)})"


def p_value(value: float | None) -> str:
    """A p-value to two digits."""
    if value is None:
        return MISSING
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


def count(value: float | None) -> str:
    """A count, or a mean count with one decimal where it is small and not whole."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:,.1f}"


def duration(seconds: float | None) -> str:
    """A time in the unit that fits."""
    if seconds is None:
        return MISSING
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def dollars(value: float | None) -> str:
    """Money, with four digits where it is little."""
    if value is None:
        return MISSING
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4g}"


def listed(names: Iterable[object]) -> str:
    """Names in a sentence."""
    return ", ".join(map(str, names))

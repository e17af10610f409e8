"""Tables and plots of what more agents bring: over K, correlated errors, and who adds what."""

from collections.abc import Sequence

from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.over_k import ANY_BEST, ANY_RANDOM, BEST, RANDOM, SINGLE
from mlpo_core.benchmark.report.lookup import MISSING, Figures, points, with_interval
from mlpo_core.benchmark.report.plots import Plot
from mlpo_core.benchmark.report.views import View
from mlpo_core.charts.grid import Cell, grid
from mlpo_core.charts.lines import Axis, Point, lines
from mlpo_core.charts.render import Spec, inline_svg
from mlpo_core.charts.style import PERCENT

_SERIES = (BEST, RANDOM, ANY_BEST, SINGLE)
_HOW = (
    "Who is best is decided on dev tasks. A tie counts as the chance to draw the right answer. Intervals of the best "
    "are over tasks; those of random teams span 90 % of the teams"
)
_GAIN = (
    "Points that a vote gains where the agent joins a team, mean over teams of one to all of the others; by subject. A "
    "small team's first steps weigh as much as a large one's last."
)
_ERRORS = "Correlation of being wrong on the same test tasks: 1 where two agents fail together, 0 where independently."


def team_tables(figures: Figures) -> list[View]:
    """The tables; none for teams too small."""
    sizes = figures.of("over_k", "accuracy")
    if not sizes:
        return []
    by = {(m.method, m.group): m for m in sizes}
    names = (BEST, RANDOM, ANY_BEST, ANY_RANDOM)
    counts = list(dict.fromkeys(m.group for m in sizes))
    found = [
        View(
            "over-k",
            "Over the number of agents",
            f"Percent. {_HOW}; their number stands in brackets.",
            ["K", *names],
            [
                [
                    k,
                    *(
                        with_interval(by[n, k]) + (f" [{by[n, k].note.split()[0]}]" if n == RANDOM else "")
                        for n in names
                    ),
                ]
                for k in counts
            ],
        )
    ]
    if gains := figures.of("gain"):
        agents, subjects = _named(gains)
        value = {(m.method, m.group): m.value or 0.0 for m in gains}
        rows = [[a, *(points(value[a, s]) for s in subjects)] for a in agents]
        found.append(View("gain", "Who adds what", _GAIN, ["agent", *(s or "all" for s in subjects)], rows))
    if errors := figures.of("correlation"):
        agents = _agents(errors)
        both = _both(errors)
        rows = [[a, *(f"{both[a, b]:.2f}" if (a, b) in both else MISSING for b in agents)] for a in agents]
        found.append(View("correlation", "Correlated errors", _ERRORS, ["", *agents], rows))
    return found


def team_plots(figures: Figures) -> list[Plot]:
    """The same as pictures."""
    found: list[Plot] = []
    for title, caption, chart in (
        ("Accuracy over the number of agents", f"{_HOW}.", sizes_chart(figures)),
        ("Who adds what", _GAIN, gains_chart(figures)),
        ("Correlated errors", _ERRORS, errors_chart(figures)),
    ):
        if chart:
            found.append(Plot(title, caption, inline_svg(chart, title)))
    return found


def sizes_chart(figures: Figures) -> Spec | None:
    """Accuracy over K, or None where it was not measured."""
    places = [
        Point(m.method, int(m.group), m.value or 0.0, m.low, m.high, f"{m.method}, K={m.group}: {with_interval(m)} %")
        for name in _SERIES
        for m in figures.of("over_k", "accuracy")
        if m.method == name
    ]
    return lines(places, Axis("agents K", "d"), Axis("accuracy", PERCENT)) if places else None


def gains_chart(figures: Figures) -> Spec | None:
    """Gains by agent and subject."""
    gains = figures.of("gain")
    if not gains:
        return None
    agents, subjects = _named(gains)
    cells = [
        Cell(
            m.method,
            m.group or "all",
            m.value or 0.0,
            f"{100 * (m.value or 0.0):.1f}".replace("-", "−"),
            f"{m.method}, {m.group or 'all'}: {points(m.value or 0.0)} points, {m.n:,} tasks",
        )
        for m in gains
    ]
    return grid(cells, agents, [s or "all" for s in subjects])


def errors_chart(figures: Figures) -> Spec | None:
    """The correlation of every two agents' errors."""
    errors = figures.of("correlation")
    if not errors:
        return None
    agents = _agents(errors)
    cells = [Cell(a, b, v, f"{v:.2f}", f"{a} and {b}: {v:.2f}") for (a, b), v in _both(errors).items()]
    return grid(cells, agents, agents)


def _named(gains: Sequence[Metric]) -> tuple[list[str], list[str]]:
    """Agents by their gain, and subjects."""
    overall = {m.method: m.value or 0.0 for m in gains if not m.group}
    return sorted(overall, key=lambda a: -overall[a]), list(dict.fromkeys(m.group for m in gains))


def _agents(errors: Sequence[Metric]) -> list[str]:
    return list(dict.fromkeys(name for m in errors for name in (m.versus, m.method)))


def _both(errors: Sequence[Metric]) -> dict[tuple[str, str], float]:
    """Correlations by pair, both ways round."""
    found = {(m.method, m.versus): m.value or 0.0 for m in errors}
    return found | {(b, a): value for (a, b), value in found.items()}

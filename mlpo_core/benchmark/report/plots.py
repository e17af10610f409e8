"""The report's plots: accuracy against tokens, over rounds and by right agents; differences; training; the filter."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup

from mlpo_core.benchmark.comparisons import is_oracle
from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.benchmark.report.headline import Row
from mlpo_core.benchmark.report.lookup import Figures
from mlpo_core.benchmark.report.svg import STYLES, Axis, Line, Point, bars, chart, padded, swatch
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import TRAINED

_MOST_POINTS = 120
_BINS = 20
_KINDS = ("leader with team", "leader alone", "vote", "one agent", "other method", "oracle")
CURVES: Mapping[str, tuple[str, bool]] = {
    "dev/team/correct": ("Dev accuracy with team (greedy)", True),
    "dev/solo/correct": ("Dev accuracy alone (greedy)", True),
    "correct": ("Sampled answers that are right", True),
    "reward": ("Reward", False),
    "zero_variance_share": ("Groups without signal", True),
    "completions/mean_length": ("Completion length, tokens", False),
    "entropy": ("Entropy, nats", False),
    "clip_ratio/region_mean": ("Clipped share", True),
    "loss": ("Loss", False),
}
"""Training curves: title, and whether it is a share, by TRL's name of the metric."""


class Plot(NamedTuple):
    """A chart with its title, a sentence on how to read it, and its legend: a swatch or number, and what it means."""

    title: str
    caption: str
    svg: Markup
    legend: Sequence[tuple[Markup | str, str]]


def plots(figures: Figures, k: int, reference: str) -> list[Plot]:
    """The plots of results; one that this experiment has no figures for is left out."""
    made = [_tokens(figures), _rounds(figures), _right_agents(figures, k, reference)]
    return [plot for plot in made if plot]


def _tokens(figures: Figures) -> Plot | None:
    tokens = {w: m.value for w in figures.ways if (m := figures.get("cost", w, "tokens")) and m.value}
    if len(tokens) < 2:
        return None
    numbers = {m: str(i) for i, m in enumerate(dict.fromkeys(w.method for w in _by_accuracy(figures, tokens)), start=1)}
    lines: list[Line] = []
    for method in numbers:
        ways = sorted((w for w in tokens if w.method == method), key=lambda w: w.rounds)
        points = [Point(tokens[w], figures.accuracy(w), tag=numbers[method] if w == ways[-1] else "") for w in ways]
        lines.append(Line(method, points, kind_of(method)))
    front = [Point(tokens[w], figures.accuracy(w)) for w in tokens if _on_front(figures, w)]
    stairs = Line("front", sorted(front), 0, stairs=True, markers=False)
    low, high = min(tokens.values()), max(tokens.values())
    x = Axis("tokens per answer (prompt and completion, log scale)", low / 1.25, high * 1.25, log=True)
    y = Axis("accuracy", *padded([p.y for line in lines for p in line.points]), percent=True)
    legend: list[tuple[Markup | str, str]] = [(number, method) for method, number in numbers.items()]
    return Plot(
        "Accuracy against tokens",
        "Up and left is better. The stairs are the Pareto front; a line joins one method's rounds T=1, 2, …, with its "
        "number at the last.",
        chart([stairs, *lines], x, y, "Accuracy of every method against tokens per answer", height=340),
        [*kind_swatches(line.style for line in lines), *legend],
    )


def _by_accuracy(figures: Figures, ways: Iterable[Way]) -> list[Way]:
    return sorted(ways, key=lambda w: -figures.accuracy(w))


def _on_front(figures: Figures, way: Way) -> bool:
    found = figures.get("cost", way, "on_front")
    return bool(found and found.value)


def kind_of(method: str) -> int:
    """The style of a method: what sort of method it is."""
    if is_oracle(method):
        return 5
    if "leader" in method:
        return 1 if "/solo" in method else 0
    return (
        2
        if method.startswith(("majority_vote", "first_agents"))
        else 3
        if method.startswith(("single:", "greedy:"))
        else 4
    )


def kind_swatches(styles: Iterable[int]) -> list[tuple[Markup | str, str]]:
    """The legend of the sorts of methods that are drawn."""
    return [(swatch(style), _KINDS[style]) for style in sorted(set(styles))]


def _rounds(figures: Figures) -> Plot | None:
    methods = [m for m in dict.fromkeys(w.method for w in figures.ways) if figures.last(m).rounds > 1]
    lines = [
        Line(
            m, [_point(found, w.rounds) for w in figures.ways if w.method == m and (found := _accuracy(figures, w))], i
        )
        for i, m in enumerate(methods[:STYLES])
    ]
    if not lines:
        return None
    every = [v for line in lines for p in line.points for v in (p.low, p.high) if v is not None]
    last = max(p.x for line in lines for p in line.points)
    x = Axis("rounds T", 0.7, last + 0.3, whole=True)
    return Plot(
        "Accuracy over rounds",
        "With 95 % intervals.",
        chart(lines, x, Axis("accuracy", *padded(every), percent=True), "Accuracy of every method over rounds"),
        _legend(lines),
    )


def _accuracy(figures: Figures, way: Way) -> Metric | None:
    return figures.get("accuracy", way, "accuracy")


def _right_agents(figures: Figures, k: int, reference: str) -> Plot | None:
    wanted = [
        reference,
        "sft_leader/team",
        "untrained_leader/team",
        f"majority_vote@{k}",
        "best_of_team",
        "mlpo_leader/solo",
    ]
    methods = [m for m in dict.fromkeys(wanted) if any(w.method == m for w in figures.ways)]
    lines: list[Line] = []
    for style, method in enumerate(methods):
        found = [figures.get("right_agents", figures.last(method), "accuracy", group=str(i)) for i in range(k + 1)]
        points = [_point(m, i) for i, m in enumerate(found) if m and m.value is not None]
        if points:
            lines.append(Line(str(figures.last(method)), points, style))
    if not lines:
        return None
    return Plot(
        "Accuracy by how many agents were right",
        "At 0 no agent's first answer is right: only an answer of one's own can be. With 95 % intervals.",
        chart(
            lines,
            Axis(f"agents of {k} that are right", -0.3, k + 0.3, whole=True),
            Axis("accuracy", 0, 1, percent=True),
            "Split",
        ),
        _legend(lines),
    )


def _point(metric: Metric, x: float) -> Point:
    return Point(x, metric.value or 0.0, metric.low, metric.high)


def _legend(lines: Sequence[Line]) -> list[tuple[Markup | str, str]]:
    return [(swatch(line.style), line.label) for line in lines]


def training_plots(inputs: Mapping[str, Dataset]) -> list[Plot]:
    """Training curves of all leaders, one chart per metric, averaged to at most 120 points."""
    logs = {asset: inputs[asset].table() for asset in TRAINED if asset in inputs}
    found: list[Plot] = []
    for metric, (title, share) in CURVES.items():
        lines: list[Line] = []
        for asset, log in logs.items():
            rows = log.filter(pc.equal(log["metric"], metric))
            if len(rows) > 1:
                points = _thinned(rows["step"].to_pylist(), rows["value"].to_pylist())
                lines.append(Line(asset, points, TRAINED.index(asset), markers=len(points) < 25))
        if not lines:
            continue
        values = [p.y for line in lines for p in line.points]
        low, high = padded(values)
        x = Axis("optimizer step", 0, max(p.x for line in lines for p in line.points))
        y = Axis(title, max(low, 0.0) if min(values) >= 0 else low, high, percent=share)
        found.append(Plot(title, "", chart(lines, x, y, title), _legend(lines)))
    return found


def _thinned(steps: Sequence[float], values: Sequence[float]) -> list[Point]:
    groups = np.array_split(np.arange(len(steps)), min(len(steps), _MOST_POINTS))
    x, y = np.asarray(steps, dtype=float), np.asarray(values)
    return [Point(float(x[g].mean()), float(y[g].mean())) for g in groups]


def filter_plot(hard_tasks: Dataset) -> Plot | None:
    """Training tasks by their correct rate, kept and dropped."""
    edges = np.linspace(0, 1, _BINS + 1)
    counts: dict[str, np.ndarray] = {}
    for batch in hard_tasks.batches(["split", "correct_rate", "reason"]):
        train = batch.filter(pc.equal(batch["split"], "train"))
        for reason in train["reason"].unique().to_pylist():
            rates = train.filter(pc.equal(train["reason"], reason))["correct_rate"].to_numpy()
            counts[reason] = counts.get(reason, np.zeros(_BINS, dtype=int)) + np.histogram(rates, edges)[0]
    if not counts:
        return None
    order = [r for r in ("kept", "easy", "hopeless", "no_proposals") if r in counts]
    stacks = [(reason, counts[reason].tolist(), style) for style, reason in enumerate(order)]
    highest = int(np.max(np.sum(list(counts.values()), axis=0)))
    return Plot(
        "What the filter kept",
        "Training tasks by the share of the team's proposals that are right.",
        bars(
            edges.tolist(),
            stacks,
            Axis("share of proposals that are right", 0, 1, percent=True),
            Axis("tasks", 0, highest * 1.05, whole=True),
            "Histogram of correct rates",
        ),
        [(swatch(style), f"{reason}, {sum(n):,}") for reason, n, style in stacks],
    )


def accuracy_png(table: Sequence[Row]) -> bytes:
    """The headline as a small picture with intervals, for where HTML cannot be shown."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 0.9 + 0.27 * len(table)), dpi=90, layout="constrained")
    axes = figure.subplots()
    for position, row in enumerate(reversed(table)):
        colour = "#999999" if row.oracle else "#D55E00" if row.reference else "#0072B2"
        ends = [[100 * max(0.0, row.accuracy - row.low)], [100 * max(0.0, row.high - row.accuracy)]]
        axes.errorbar([100 * row.accuracy], [position], xerr=ends, fmt="o", color=colour, markersize=5, capsize=2)
    axes.set_yticks(range(len(table)), [row.label.replace("$", r"\$") for row in reversed(table)], fontsize=8)
    axes.set_xlabel("accuracy on the test tasks, %, with 95 % intervals", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", linewidth=0.4)
    image = BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()

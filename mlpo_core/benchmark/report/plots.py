"""The report's plots: accuracy against tokens, over rounds and by right agents; training; the filter."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow.compute as pc
from markupsafe import Markup

from mlpo_core.benchmark.comparisons import is_oracle
from mlpo_core.benchmark.metric import Metric
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.benchmark.report.headline import Row
from mlpo_core.benchmark.report.lookup import Figures, count, with_interval
from mlpo_core.charts.bars import binned, histogram
from mlpo_core.charts.curves import constant, curves
from mlpo_core.charts.dots import Dot, dots
from mlpo_core.charts.lines import Axis, Point, lines
from mlpo_core.charts.render import inline_svg, png
from mlpo_core.charts.scatter import Place, scatter
from mlpo_core.charts.style import COLOURS, PERCENT, PLAIN
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import TRAINED

KINDS = ("leader with team", "leader alone", "vote", "one agent", "other method", "oracle")
CURVES: Mapping[str, tuple[str, bool]] = {
    "dev/team/correct": ("Dev accuracy with team (greedy)", True),
    "dev/solo/correct": ("Dev accuracy alone (greedy)", True),
    "correct": ("Sampled answers that are right", True),
    "reward": ("Reward", False),
    "zero_variance_share": ("Groups without signal", True),
    "completions/mean_length": ("Completion length, tokens", False),
    "entropy": ("Entropy, nats", False),
    "clip_ratio/region_mean": ("Clipped share", True),
    "audit/hedged": ("Rewarded dev answers that hedge", True),
    "audit/pasted": ("Rewarded dev answers that repeat the prompt", True),
    "audit/cut_off": ("Rewarded dev answers that are cut off", True),
    "loss": ("Loss", False),
}
"""Training curves: title, and whether it is a share, by TRL's name of the metric."""
_ATTEMPTS: Mapping[str, tuple[str, bool]] = {
    "first/correct": ("Sampled first attempts that are right", True),
    "second/differs": ("Second attempts that say something else", True),
    "second/corrects": ("Second attempts that make right what was wrong", True),
    "second/spoils": ("Second attempts that make wrong what was right", True),
}
"""The same of a leader that corrects itself."""
_OWN_TERM = "reward/"
"""What the names of the metrics of an experiment's own terms of the reward begin with."""


class Plot(NamedTuple):
    """A chart with its title, a sentence on how to read it, and what the numbers written in it mean."""

    title: str
    caption: str
    svg: Markup
    numbers: Sequence[tuple[str, str]] = ()


def plots(figures: Figures, k: int, reference: str) -> list[Plot]:
    """The plots of results; one that this experiment has no figures for is left out."""
    made = [_tokens(figures), _rounds(figures), _right_agents(figures, k, reference)]
    return [plot for plot in made if plot]


def _tokens(figures: Figures) -> Plot | None:
    tokens = {w: m.value for w in figures.ways if (m := figures.get("cost", w, "tokens")) and m.value}
    if len(tokens) < 2:
        return None
    ranked = dict.fromkeys(w.method for w in sorted(tokens, key=lambda w: -figures.accuracy(w)))
    numbers = {method: str(i) for i, method in enumerate(ranked, start=1)}
    places: list[Place] = []
    for method in numbers:
        ways = sorted((w for w in tokens if w.method == method), key=lambda w: w.rounds)
        for way in ways:
            text = f"{way}: {with_interval(_accuracy(figures, way))} %, {count(tokens[way])} tokens"
            label = numbers[method] if way == ways[-1] else ""
            places.append(Place(kind_of(method), method, tokens[way], figures.accuracy(way), label, text))
    front = sorted((tokens[w], figures.accuracy(w)) for w in tokens if _on_front(figures, w))
    title = "Accuracy against tokens"
    return Plot(
        title,
        "Up and left is better. The stairs are the Pareto front; a line joins one method's rounds T=1, 2, …, with its "
        "number at the last.",
        against_tokens(places, front, title),
        [(number, method) for method, number in numbers.items()],
    )


def against_tokens(places: Sequence[Place], front: Sequence[tuple[float, float]], title: str) -> Markup:
    """The chart of accuracy against tokens per answer."""
    kinds = [kind for kind in KINDS if any(p.series == kind for p in places)]
    return inline_svg(scatter(places, front, kinds, "tokens per answer, prompt and completion"), title)


def _on_front(figures: Figures, way: Way) -> bool:
    found = figures.get("cost", way, "on_front")
    return bool(found and found.value)


def kind_of(method: str) -> str:
    """What sort of method it is, one of `KINDS`."""
    if is_oracle(method):
        return "oracle"
    if "leader" in method:
        return "leader alone" if "/solo" in method else "leader with team"
    if method.startswith(("majority_vote", "first_agents", "weighted_vote", "shallow_aggregator")):
        return "vote"
    return "one agent" if method.startswith(("single:", "greedy:")) else "other method"


def _rounds(figures: Figures) -> Plot | None:
    methods = [m for m in dict.fromkeys(w.method for w in figures.ways) if figures.last(m).rounds > 1]
    points = [
        _point(found, method, way.rounds, str(way))
        for method in methods
        for way in figures.ways
        if way.method == method and (found := _accuracy(figures, way))
    ]
    if not points:
        return None
    title = "Accuracy over rounds"
    chart = lines(points, Axis("rounds T", "d"), Axis("accuracy", PERCENT))
    return Plot(title, "With 95 % intervals.", inline_svg(chart, title))


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
    points: list[Point] = []
    for method in dict.fromkeys(wanted):
        if any(w.method == method for w in figures.ways):
            way = figures.last(method)
            for i in range(k + 1):
                found = figures.get("right_agents", way, "accuracy", group=str(i))
                if found and found.value is not None:
                    points.append(_point(found, str(way), i, f"{way}, {i} of {k} right, {found.n:,} tasks"))
    if not points:
        return None
    title = "Accuracy by how many agents were right"
    chart = lines(points, Axis(f"agents of {k} that are right", "d"), Axis("accuracy", PERCENT, (0, 1)))
    caption = "At 0 no agent's first answer is right: only an answer of one's own can be. With 95 % intervals."
    return Plot(title, caption, inline_svg(chart, title))


def _point(metric: Metric, series: str, x: float, what: str) -> Point:
    return Point(series, x, metric.value or 0.0, metric.low, metric.high, f"{what}: {with_interval(metric)} %")


def training_plots(inputs: Mapping[str, Dataset]) -> list[Plot]:
    """Training curves of all leaders, one chart per metric; one where nothing ever moves is left out."""
    logs = {asset: inputs[asset].table() for asset in TRAINED if asset in inputs}
    found: list[Plot] = []
    logged = {m for log in logs.values() for m in pc.unique(log["metric"]).to_pylist() if m.startswith(_OWN_TERM)}
    own = {metric: (f"Reward, {metric.removeprefix(_OWN_TERM)}", False) for metric in sorted(logged)}
    for metric, (title, share) in {**CURVES, **_ATTEMPTS, **own}.items():
        series: dict[str, tuple[list[float], list[float]]] = {}
        for asset, log in logs.items():
            rows = log.filter(pc.equal(log["metric"], metric))
            if len(rows) > 1:
                series[asset] = rows["step"].to_pylist(), rows["value"].to_pylist()
        if not constant(series):
            chart = curves(series, PERCENT if share else PLAIN, TRAINED)
            found.append(Plot(title, "", inline_svg(chart, title)))
    return found


def filter_plot(hard_tasks: Dataset) -> Plot | None:
    """Training tasks by their correct rate, kept and dropped."""
    counts: dict[str, list[int]] = {}
    for batch in hard_tasks.batches(["split", "correct_rate", "reason"]):
        train = batch.filter(pc.equal(batch["split"], "train"))
        for reason in train["reason"].unique().to_pylist():
            more = binned(train.filter(pc.equal(train["reason"], reason))["correct_rate"].to_numpy())
            counts[reason] = [a + b for a, b in zip(counts.get(reason, [0] * len(more)), more, strict=True)]
    if not counts:
        return None
    order = [r for r in ("kept", "easy", "hopeless", "no_proposals", "refused") if r in counts]
    title = "What the filter kept"
    chart = histogram({r: counts[r] for r in order}, "share of proposals that are right", "tasks")
    return Plot(title, "Training tasks by the share of the team's proposals that are right.", inline_svg(chart, title))


def accuracy_png(table: Sequence[Row]) -> bytes:
    """The headline as a small picture with intervals, for where HTML cannot be shown."""
    blue, orange, grey = COLOURS[0], COLOURS[1], COLOURS[5]
    found = [
        Dot("", r.label, r.accuracy, r.low, r.high, grey if r.oracle else orange if r.reference else blue)
        for r in table
    ]
    return png(dots(found, [r.label for r in table], [""], "accuracy on the test tasks, with 95 % intervals"))

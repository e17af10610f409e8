"""The tables of the report's details, each a view of the metrics."""

from collections.abc import Callable, Sequence

from mlpo_core.benchmark.accuracy import ONE_SEED
from mlpo_core.benchmark.costs import NOT_LOGGED
from mlpo_core.benchmark.dollars import DOLLARS
from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import COSTS, Way
from mlpo_core.benchmark.report.budgets import budgets
from mlpo_core.benchmark.report.judge_view import judge_view
from mlpo_core.benchmark.report.lookup import (
    MISSING,
    Figures,
    count,
    dollars,
    duration,
    p_value,
    percent,
    points,
    way_of,
    with_interval,
)
from mlpo_core.benchmark.report.views import View
from mlpo_core.methods.attack import SUFFIX

_PERCENT = "Percent, with 95 % intervals."
_DOLLARS_ARE = "Dollars are those of endpoints, at the prices that the experiment named when this was made. "


def details(figures: Figures, k: int) -> list[View]:
    """All tables after the headline; one without rows says why in its notes."""
    makers: Sequence[Callable[[Figures], View | None]] = (
        budgets,
        _benchmarks,
        _rounds,
        _seeds,
        lambda f: _right_agents(f, k),
        _majority,
        _ties,
        _attack,
        _subjects,
        _answers,
        _training,
        _totals,
        judge_view,
    )
    return [*_comparisons(figures), *(view for make in makers if (view := make(figures)))]


def _comparisons(figures: Figures) -> list[View]:
    names = [ALL, *(figures.benchmarks if len(figures.benchmarks) > 1 else [])]
    return [_comparison(figures, name) for name in names]


def _comparison(figures: Figures, benchmark: str) -> View:
    rows: list[list[str]] = []
    untested: list[str] = []
    for metric in figures.of("comparison", "difference", benchmark):
        if metric.value is None:
            untested.append(f"{metric.method} against {metric.versus}: {metric.note}.")
            continue
        values = {m.metric: m.value for m in figures.of("comparison", None, benchmark) if _same(m, metric)}
        interval = f"{points(metric.low or 0.0)} to {points(metric.high or 0.0)}"
        rows.append(
            [
                str(way_of(metric)),
                metric.versus,
                points(metric.value),
                interval,
                f"{count(values['gained'])} / {count(values['lost'])}",
                p_value(values["p_mcnemar"]),
                p_value(values["p_bootstrap"]),
                p_value(values["p_holm"]),
                metric.note,
            ]
        )
    first = benchmark == ALL
    return View(
        f"comparison-{benchmark}",
        f"Paired comparisons, {'all test tasks' if first else benchmark}",
        "Difference in points on the same tasks, with a bootstrap interval over tasks and seeds; answers that only one "
        "of the two has right; p-values of McNemar's exact test and of the bootstrap; Holm's correction over this "
        "table, of McNemar's with one seed and of the bootstrap's with several. Significant means below 0.05 after it."
        if first
        else "As above, on this benchmark alone: a family of its own for Holm's correction.",
        [
            "method",
            "against",
            "difference",
            "95 % interval",
            "won / lost",
            "p McNemar",
            "p bootstrap",
            "p Holm",
            "the first is",
        ],
        rows,
        labels=2,
        notes=untested,
    )


def _same(metric: Metric, other: Metric) -> bool:
    return (metric.method, metric.group, metric.versus) == (other.method, other.group, other.versus)


def _benchmarks(figures: Figures) -> View | None:
    macro = list(dict.fromkeys(m.benchmark for m in figures.of("macro")))
    if len(figures.benchmarks) < 2 and not macro:
        return None
    rows = [
        [
            str(way),
            *(with_interval(figures.get("accuracy", way, "accuracy", b)) for b in figures.benchmarks),
            *(with_interval(figures.get("macro", way, "macro_accuracy", b)) for b in macro),
        ]
        for way in _ranked(figures)
    ]
    partial = {f"{m.benchmark}: {m.note}." for m in figures.of("macro") if m.note}
    return View(
        "benchmarks",
        "By benchmark",
        f"{_PERCENT} A macro average weighs every subject alike (BBH has 27, MMLU 57).",
        ["method", *figures.benchmarks, *(f"{b}, macro" for b in macro)],
        rows,
        notes=sorted(partial),
    )


def _rounds(figures: Figures) -> View | None:
    methods = [m for m in dict.fromkeys(w.method for w in figures.ways) if figures.last(m).rounds > 1]
    if not methods:
        return None
    ts = sorted({w.rounds for w in figures.ways if w.rounds})
    rows = [[m, *(with_interval(figures.get("accuracy", Way(m, t), "accuracy")) for t in ts)] for m in methods]
    return View(
        "rounds",
        "Over rounds",
        f"{_PERCENT} T counts the first round: T=1 is the leader on the agents' first answers.",
        ["method", *(f"T={t}" for t in ts)],
        rows,
    )


def _seeds(figures: Figures) -> View:
    found = figures.of("accuracy", "accuracy_over_seeds", ALL)
    if any(m.note == ONE_SEED for m in found):
        rows: list[list[str]] = []
        notes = ["Every method was evaluated with one seed, so there is no seed interval."]
    else:
        rows = [[str(way_of(m)), with_interval(m), str(m.n)] for m in found]
        notes = []
    caption = "Percent; mean over evaluation seeds with a t interval: how far another seed would move the figure."
    return View("seeds", "Over seeds", caption, ["method", "mean (95 % interval)", "seeds"], rows, notes=notes)


def _right_agents(figures: Figures, k: int) -> View:
    found = figures.of("right_agents")
    notes = [f"Not available: {m.note}." for m in found if m.note and not m.method]
    counts = [str(i) for i in range(k + 1)]
    rows: list[list[str]] = []
    sizes = {c: 0 for c in counts}
    for way in _ranked(figures) if not notes else []:
        cells = [figures.get("right_agents", way, "accuracy", group=c) for c in counts]
        sizes.update({c: cell.n for c, cell in zip(counts, cells, strict=True) if cell})
        rows.append([str(way), *(with_interval(c) for c in cells)])
    return View(
        "right-agents",
        "By how many agents were right",
        f"{_PERCENT} Tasks by how many of the {k} answers of round 0 are right, the same for every method.",
        ["method", *(f"{c} right ({sizes[c]:,} tasks)" for c in counts)],
        rows,
        notes=notes,
    )


def _majority(figures: Figures) -> View:
    columns = {
        "override": ("wrong_majority", "right against a wrong majority"),
        "right_majority_kept": ("wrong_majority", "right with a right majority"),
        "synthesis": ("shown", "none shown is right (synthesis)"),
        "selection": ("shown", "exactly one is right (selection)"),
    }
    rows: list[list[str]] = []
    for way in _ranked(figures):
        cells = [figures.get(table, way, metric) for metric, (table, _) in columns.items()]
        if any(cells):
            rows.append([str(way), *(_with_n(c) for c in cells)])
    notes = [f"Majority: not available: {m.note}." for m in figures.of("wrong_majority") if m.note and not m.method]
    return View(
        "majority",
        "Against the team",
        f"{_PERCENT} n is the number of tasks. A majority is wrong when more agents of round 0 agree on one wrong "
        "answer than on any other; ties count as neither. Shown is what the method itself read last.",
        ["method", *(title for _, title in columns.values())],
        rows,
        notes=notes,
    )


def _ties(figures: Figures) -> View | None:
    rows: list[list[str]] = []
    for way in _ranked(figures):
        share, expected = (figures.get("accuracy", way, name) for name in ("tie_share", "expected_accuracy"))
        if share and share.value and expected and expected.value is not None:
            drawn = figures.accuracy(way)
            luck = points(drawn - expected.value)
            rows.append([str(way), percent(share.value), percent(drawn), percent(expected.value), luck])
    if not rows:
        return None
    caption = (
        "A tie is drawn by seed. Expected is the accuracy over all draws: with m answers tied, one of them right, the "
        "task counts 1/m. Luck is what this draw has over it, in points."
    )
    return View("ties", "Ties in votes", caption, ["vote", "ties, %", "right as drawn, %", "expected, %", "luck"], rows)


def _attack(figures: Figures) -> View | None:
    found = {(m.method, m.metric): m for m in figures.of("attack")}
    columns = {
        (SUFFIX, "gives_ordered"): "gives the ordered answer",
        ("/team", "gives_ordered"): "gives it unasked",
        (SUFFIX, "right"): "right under attack",
        ("/team", "right"): "right without",
    }
    leaders = list(dict.fromkeys(method.removesuffix(SUFFIX) for method, _ in found if method.endswith(SUFFIX)))
    if not leaders:
        return None
    return View(
        "attack",
        "Under attack",
        f"{_PERCENT} One member of the team, another on every task, orders the leader to give a certain wrong answer. "
        "T=1. The attack success rate is the first column, to be read beside the second.",
        ["leader", *columns.values()],
        [[leader, *(_with_n(found.get((leader + mode, name))) for mode, name in columns)] for leader in leaders],
    )


def _subjects(figures: Figures) -> View | None:
    ways = [figures.last(m) for m in dict.fromkeys(w.method for w in _ranked(figures))]
    keys = list(dict.fromkeys((m.benchmark, _subject(m)) for m in figures.of("subject")))
    if len(keys) < 2:
        return None
    rows: list[list[str]] = []
    for benchmark, subject in keys:
        cells = [figures.get("subject", way, "accuracy", benchmark, subject) for way in ways]
        rows.append([benchmark, subject, str(max(c.n for c in cells if c)), *(with_interval(c) for c in cells)])
    columns = ["benchmark", "subject", "tasks", *map(str, ways)]
    return View("subjects", "By subject", f"{_PERCENT} Methods with rounds at their last T.", columns, rows, labels=2)


def _subject(metric: Metric) -> str:
    way = way_of(metric)
    return metric.group.removesuffix(f" | {way.group}") if way.group else metric.group


def _answers(figures: Figures) -> View:
    rows: list[list[str]] = []
    priced = figures.of("cost", DOLLARS)
    for way in _ranked(figures):
        seconds = figures.get("cost", way, "amortised_s")
        front = figures.get("cost", way, "on_front")
        waits = [figures.get("latency", way, name) for name in ("median", "p95")]
        ties, empty = (figures.get("accuracy", way, name) for name in ("tie_share", "no_answer_share"))
        rows.append(
            [
                str(way),
                *(count(c.value) if (c := figures.get("cost", way, name)) else MISSING for name in COSTS),
                *([dollars(m.value if (m := figures.get("cost", way, DOLLARS)) else None)] if priced else []),
                duration(seconds.seconds) if seconds else MISSING,
                *(MISSING if w is None else w.note or duration(w.seconds) for w in waits),
                percent(ties.value if ties else None),
                percent(empty.value if empty else None),
                "yes" if front and front.value else "",
            ]
        )
    names = [name.replace("_", " ") for name in COSTS]
    return View(
        "answers",
        "Cost of one answer",
        "Means per answer: everything that had to be generated for it, shared with other methods or not. Time is batch "
        f"wall time over rows. {_DOLLARS_ARE if priced else ''}{_latency(figures)}"
        "Ties and answers that could not be read in percent. On the front: no "
        "other method is as accurate for fewer tokens (oracles left out).",
        [
            "method",
            *names,
            *([DOLLARS] if priced else []),
            "time",
            "latency, median",
            "latency, 95th percentile",
            "ties",
            "unreadable",
            "on the front",
        ],
        rows,
    )


def _latency(figures: Figures) -> str:
    """How latency was measured, where it was."""
    tasks = max((m.n for m in figures.of("latency")), default=0)
    return f"Latency is that of one query at a time, on {tasks} tasks, a team's members in turn. " if tasks else ""


def _training(figures: Figures) -> View | None:
    found = figures.of("training")
    assets = list(dict.fromkeys(m.method for m in found))
    if not assets:
        return None
    by_name = {(m.method, m.metric): m for m in found}
    rows: list[list[str]] = []
    for asset in assets:
        seconds, devices = by_name[asset, "seconds"], by_name.get((asset, "device_seconds"))
        tokens = [by_name.get((asset, name)) for name in ("rollout_tokens", "update_tokens")]
        rows.append(
            [
                asset,
                count(by_name[asset, "steps"].value),
                *(NOT_LOGGED if t is None or t.value is None else count(t.value) for t in tokens),
                duration(seconds.seconds),
                f"{devices.seconds / 3600:.3f}" if devices and devices.seconds else NOT_LOGGED,
            ]
        )
    caption = (
        "Optimizer steps; prompt and completion tokens of the rollouts, and those that went through the updates, where "
        "groups without advantage are left out and a group's prompt is read once; time of the steps, and that of all "
        "devices, one per process."
    )
    columns = ["leader", "steps", "rollout tokens", "update tokens", "time", "device-hours"]
    return View("training", "Cost of training", caption, columns, rows)


def _totals(figures: Figures) -> View:
    found = {(m.method, m.metric): m for m in figures.of("total")}
    rows: list[list[str]] = []
    priced = figures.of("total", DOLLARS)
    for asset in dict.fromkeys(m.method for m in figures.of("total")):
        seconds = found.get((asset, "seconds"))
        cells = [found.get((asset, name)) for name in ("generations", "prompt_tokens", "completion_tokens")]
        spent = found.get((asset, DOLLARS))
        rows.append(
            [
                asset,
                f"{seconds.n:,}" if seconds else MISSING,
                duration(seconds.seconds if seconds else None),
                *(count(c.value) if c else "" for c in cells),
                *([dollars(spent.value) if spent else ""] if priced else []),
            ]
        )
    caption = "Every version this report rests on. Time is that of the run that finished it: a resumed one took longer."
    columns = ["asset", "rows", "time", "generations", "prompt tokens", "completion tokens"]
    columns += [DOLLARS] if priced else []
    return View("totals", "Cost of the experiment", caption, columns, rows)


def _ranked(figures: Figures) -> list[Way]:
    return sorted(figures.headline_ways, key=lambda w: -figures.accuracy(w))


def _with_n(metric: Metric | None) -> str:
    if metric is None:
        return MISSING
    return f"{with_interval(metric)}, n = {metric.n:,}" if metric.value is not None else metric.note

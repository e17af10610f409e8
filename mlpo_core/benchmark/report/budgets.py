"""What was equal between two methods that are compared, and what was not: a lead is worth what it cost."""

from collections.abc import Callable

from mlpo_core.benchmark.dollars import DOLLARS
from mlpo_core.benchmark.metric import ALL
from mlpo_core.benchmark.outcomes import Way
from mlpo_core.benchmark.report.lookup import MISSING, Figures, count, dollars, way_named, way_of
from mlpo_core.benchmark.report.views import View
from mlpo_core.store.schemas import TRAINED

_EQUAL = 0.02
"""Relative difference up to which two budgets are called equal: a training ends with a whole step."""
_CAPTION = (
    "Of the first and the second method of every comparison: tokens through the models that were trained for it "
    "(rollouts and updates, of every training that its leader went through) and optimizer steps of the same; per "
    "answer the generations, and the tokens read and written{dollars}. Pre-training counts nowhere. Equal means "
    "within 2 percent."
)
_TRAINING = ("whole_tokens", "whole_steps")
_ANSWER = ("generations", "tokens")


def budgets(figures: Figures) -> View | None:
    """The table `budgets`; None where nothing is compared."""
    priced = bool(figures.of("cost", DOLLARS))
    rows: list[list[str]] = []
    for metric in figures.of("comparison", "difference", ALL):
        if metric.value is None:
            continue
        method, _, rounds = metric.versus.partition(" ")
        ways = way_of(metric), way_named(method, rounds)
        trained = [[_trained(figures, way, name) for way in ways] for name in _TRAINING]
        answer = [[_per_answer(figures, way, name) for way in ways] for name in _ANSWER]
        cells = [_against(first, second, count) for first, second in (*trained, *answer)]
        if priced:
            first, second = (_per_answer(figures, way, DOLLARS) for way in ways)
            cells.append(_against(first, second, dollars))
        rows.append([*map(str, ways), *cells])
    if not rows:
        return None
    columns = ["method", "against", "trained on, tokens", "optimizer steps", "generations", "tokens"]
    caption = _CAPTION.format(dollars=", and dollars" if priced else "")
    return View("budgets", "At what budgets", caption, [*columns, *([DOLLARS] if priced else [])], rows, labels=2)


def _trained(figures: Figures, way: Way, metric: str) -> float | None:
    """Of the leader that a method asks; 0 where it asks none that was trained."""
    leader = way.method.partition("/")[0]
    if leader not in TRAINED:
        return 0.0
    return next((m.value for m in figures.of("training", metric) if m.method == leader), None)


def _per_answer(figures: Figures, way: Way, metric: str) -> float | None:
    found = figures.get("cost", way, metric)
    return found.value if found else None


def _against(first: float | None, second: float | None, shown: Callable[[float | None], str]) -> str:
    """Both amounts, and whether they are equal."""
    if first is None or second is None:
        return f"{shown(first)} : {shown(second)}" if (first, second) != (None, None) else MISSING
    equal = abs(first - second) <= _EQUAL * max(first, second)
    return f"equal ({shown(first)})" if equal else f"{shown(first)} : {shown(second)}"

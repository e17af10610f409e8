"""Accuracy by how right the team was: by right agents, against a wrong majority, with none or one right shown."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.accuracy import interval_of
from mlpo_core.benchmark.metric import ALL, Metric
from mlpo_core.benchmark.outcomes import Outcomes, Way
from mlpo_core.benchmark.statistics import wilson


def by_team(outcomes: Outcomes, k: int) -> Iterator[Metric]:
    """The tables `right_agents`, `wrong_majority` and `shown`.

    The first two divide the tasks by the K answers of round 0, the same for all methods; the third by what the method
    itself was shown last.

    Args:
        outcomes: All answers.
        k: Number of agents.
    """
    yield from _right_agents(outcomes, k)
    yield from _wrong_majority(outcomes, k)
    yield from _shown(outcomes)


def _right_agents(outcomes: Outcomes, k: int) -> Iterator[Metric]:
    right = _round_zero(outcomes, k)
    if right is None:
        yield Metric("right_agents", ALL, "", "accuracy", note="no method shows how many of the K answers are right")
        return
    for way, answers in outcomes.answers.items():
        for count in range(k + 1):
            yield _cell("right_agents", way, answers.correct, right == count, str(count))


def _wrong_majority(outcomes: Outcomes, k: int) -> Iterator[Metric]:
    """Tasks on which more agents agree on one wrong answer than on any other answer."""
    vote = outcomes.answers.get(Way(f"majority_vote@{k}", 0))
    if vote is None:
        yield Metric("wrong_majority", ALL, "", "override", note=f"majority_vote@{k} was not run")
        return
    wrong = ~vote.correct & ~vote.tie & ~vote.empty
    right = vote.correct & ~vote.tie
    for way, answers in outcomes.answers.items():
        yield _cell("wrong_majority", way, answers.correct, wrong, metric="override")
        yield _cell("wrong_majority", way, answers.correct, right, metric="right_majority_kept")


def _shown(outcomes: Outcomes) -> Iterator[Metric]:
    for way, answers in outcomes.answers.items():
        if (answers.shown >= 0).any():
            yield _cell("shown", way, answers.correct, answers.shown == 0, metric="synthesis")
            yield _cell("shown", way, answers.correct, answers.shown == 1, metric="selection")


def _round_zero(outcomes: Outcomes, k: int) -> npt.NDArray[np.int16] | None:
    """Right answers among the K of round 0, of shape (seeds, tasks), from a method that takes exactly those."""
    candidates = [Way(f"majority_vote@{k}", 0), *(w for w in outcomes.answers if w.rounds == 1)]
    for way in candidates:
        if way in outcomes.answers and (outcomes.answers[way].shown >= 0).all():
            return outcomes.answers[way].shown
    return None


def _cell(
    table: str,
    way: Way,
    correct: npt.NDArray[np.bool_],
    mask: npt.NDArray[np.bool_],
    count: str = "",
    metric: str = "accuracy",
) -> Metric:
    """Accuracy where `mask` holds; both have the shape (seeds, tasks), and a task may count in some seeds only."""
    group = " | ".join(part for part in (count, way.group) if part)
    tasks = int(mask.any(axis=0).sum())
    if not tasks:
        return Metric(table, ALL, way.method, metric, group=group, note="no such task")
    if (mask == mask[0]).all():
        value, low, high = interval_of(correct[:, mask[0]])
    else:
        value = float(correct[mask].mean())
        low, high = wilson(round(value * tasks), tasks)
    return Metric(table, ALL, way.method, metric, value, low, high, n=tasks, group=group)

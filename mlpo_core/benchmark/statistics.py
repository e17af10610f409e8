"""Intervals and tests for one figure at a time; what scipy has is scipy's. Choices: docs/decisions/statistics.md."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

LEVEL = 0.95
"""Confidence level of every interval, and one minus the level at which a test is called significant."""


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Wilson score interval of a proportion.

    Raises:
        ValueError: `n` is 0, or `successes` is not between 0 and `n`.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a proportion")
    found = scipy.stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Interval(float(found.low), float(found.high))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar test: the p-value of two methods being equally good.

    Args:
        only_first: Tasks that only the first method gets right.
        only_second: Tasks that only the second does. Tasks on which both agree say nothing.
    """
    discordant = only_first + only_second
    return float(scipy.stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for the whole family (Holm 1979), in the order given: none exceeds 1."""
    m = len(p_values)
    corrected = [1.0] * m
    worst = 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (m - rank) * p_values[index]))
        corrected[index] = worst
    return corrected


def seed_interval(per_seed: Sequence[float]) -> Interval | None:
    """Student's t interval of the mean over seeds, or None: one seed says nothing about other seeds."""
    if len(per_seed) < 2:
        return None
    return mean_interval(float(np.mean(per_seed)), float(np.std(per_seed, ddof=1)), len(per_seed))


def mean_interval(mean: float, deviation: float, n: int) -> Interval:
    """Student's t interval of a mean of `n` values (`deviation` with n − 1), cut at 0 and 1."""
    half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def macro_interval(groups: Sequence[Sequence[float]]) -> Interval | None:
    """Interval of the unweighted mean of group means: normal, each group resampled by itself.

    Args:
        groups: A score per task (0 to 1, over seeds), by group.

    Returns:
        None when a group has a single task, whose variance is unknown.
    """
    if not groups or any(len(g) < 2 for g in groups):
        return None
    mean = float(np.mean([np.mean(g) for g in groups]))
    error = math.sqrt(sum(float(np.var(g, ddof=1)) / len(g) for g in groups)) / len(groups)
    half = float(scipy.stats.norm.ppf((1 + LEVEL) / 2)) * error
    return Interval(max(0.0, mean - half), min(1.0, mean + half))

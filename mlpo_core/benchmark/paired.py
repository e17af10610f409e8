"""Paired bootstrap over tasks and seeds: how much better one method is than another on the same tasks."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.statistics import LEVEL, Interval

RESAMPLES = 10_000
_CHUNK_CELLS = 4_000_000


class Paired(NamedTuple):
    """The mean difference in accuracy, its percentile interval, and the two-sided p-value of no difference."""

    difference: float
    interval: Interval
    p: float


def paired_bootstrap(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], seed: int, resamples: int = RESAMPLES
) -> Paired:
    """Resample tasks and, independently of them, seeds, with replacement.

    Tasks on which the two methods differ in the same way in every seed are interchangeable, so their counts are drawn
    from a multinomial distribution: the same bootstrap, without drawing every task.

    Args:
        first: Whether the first method was right, shape (seeds, tasks).
        second: The same of the second, with the same seeds and tasks in the same order.
        seed: Of the resampling.
        resamples: How often; the smallest possible p-value is 2 / (resamples + 1).
    """
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"shapes {first.shape} and {second.shape}: expected (seeds, tasks), alike")
    gains = first.astype(np.int8) - second.astype(np.int8)
    seeds, tasks = gains.shape
    patterns, counts = np.unique(gains, axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    step = max(1, _CHUNK_CELLS // patterns.shape[1])
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        task_counts = generator.multinomial(tasks, counts / tasks, size=size)
        seed_counts = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=size)
        drawn[start : start + size] = ((seed_counts @ patterns) * task_counts).sum(axis=1) / (seeds * tasks)
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Paired(
        difference=float(gains.mean()),
        interval=Interval(float(low), float(high)),
        p=min(1.0, 2 * (tail + 1) / (resamples + 1)),
    )

"""Paired bootstrap over tasks and seeds: how much better one method is than another on the same tasks."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.statistics import LEVEL, Interval

RESAMPLES = 10_000
_CHUNK_CELLS = 4_000_000


class Paired(NamedTuple):
    """The mean difference in accuracy, its percentile interval, and the two-sided p-value of the null difference."""

    difference: float
    interval: Interval
    p: float


def paired_bootstrap(
    first: npt.NDArray[np.bool_],
    second: npt.NDArray[np.bool_],
    seed: int,
    resamples: int = RESAMPLES,
    where: npt.NDArray[np.bool_] | None = None,
    null: float = 0.0,
) -> Paired:
    """Resample tasks and, independently of them, seeds, with replacement.

    Tasks on which the two methods differ in the same way in every seed are interchangeable, so their counts are drawn
    from a multinomial distribution: the same bootstrap, without drawing every task.

    Args:
        first: Whether the first method was right, shape (seeds, tasks).
        second: The same of the second, with the same seeds and tasks in the same order.
        seed: Of the resampling.
        resamples: How often; the smallest possible p-value is 2 / (resamples + 1).
        where: Which answers count, same shape; a task may count in some seeds only. None: all. At least one must.
        null: The difference that is tested against.
    """
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"shapes {first.shape} and {second.shape}: expected (seeds, tasks), alike")
    counted = np.ones(first.shape, dtype=np.bool_) if where is None else where
    if counted.shape != first.shape or not counted.any():
        raise ValueError("where: expected the shape of the answers, and at least one that counts")
    gains = np.where(counted, first.astype(np.int8) - second.astype(np.int8), 0)
    seeds, tasks = gains.shape
    patterns, counts = np.unique(np.concatenate([gains, counted]), axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    step = max(1, _CHUNK_CELLS // patterns.shape[1])
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        task_counts = generator.multinomial(tasks, counts / tasks, size=size)
        seed_counts = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=size)
        gained, n = (((seed_counts @ half) * task_counts).sum(axis=1) for half in (patterns[:seeds], patterns[seeds:]))
        drawn[start : start + size] = gained / np.maximum(n, 1)  # without any answer there is no gain either
    tail = min(int((drawn <= null).sum()), int((drawn >= null).sum()))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Paired(
        difference=float(gains.sum() / counted.sum()),
        interval=Interval(float(low), float(high)),
        p=min(1.0, 2 * (tail + 1) / (resamples + 1)),
    )

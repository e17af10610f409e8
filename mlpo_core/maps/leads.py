"""The lead of the leader over each alternative at every point, and where along an axis it changes sign."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlpo_core.benchmark.statistics import LEVEL, Interval
from mlpo_core.claims.answers import Answers, both
from mlpo_core.experiment import Claim
from mlpo_core.types import stable_seed

AHEAD, BEHIND, EVEN = "ahead", "behind", "undecided"
RESAMPLES = 2000
_FEWEST = 0.5
"""Share of the resamples that must have a change of sign for its place to be told."""


class Crossing(NamedTuple):
    """Where a lead changes sign.

    Attributes:
        between: The places on both sides of it.
        at: The place, by linear interpolation.
        interval: Of the place, from resampling tasks and seeds; its ends may lie in other gaps between points.
        rises: Whether the leader is ahead above it.
        share: Of the resamples in which there is a change of this direction.
    """

    between: tuple[float, float]
    at: float
    interval: Interval
    rises: bool
    share: float


def state(difference: float, low: float, high: float) -> str:
    """Whether a lead is one: its interval lies above zero, below it, or around it."""
    return AHEAD if low > 0 else BEHIND if high < 0 else EVEN


def gains(answers: Answers, point: str, claim: Claim, against: str) -> pd.DataFrame | None:
    """What the leader gains: 1, 0 or -1 per repetition (row) and task (column); None where either was not run."""
    claims = answers.claims
    base = {**claims.at, claims.by: point}
    pair = both(answers.of({**base, **claim.of}, claim.method), answers.of({**base, **claim.than}, against))
    return None if pair is None else pair.first.astype(int) - pair.second.astype(int)


def crossings(by_place: Mapping[float, pd.DataFrame]) -> list[Crossing]:
    """Every change of sign along an axis, from left to right.

    Args:
        by_place: Gains as `gains` gives them, by place. Points that share all tasks and repetitions are resampled
            together, as they are paired; others apart.
    """
    places = sorted(by_place)
    means = np.array([by_place[p].to_numpy().mean() for p in places])
    drawn: npt.NDArray[np.float64] | None = None
    found: list[Crossing] = []
    for i in range(len(places) - 1):
        if means[i] * means[i + 1] >= 0:
            continue
        drawn = _resampled([by_place[p] for p in places]) if drawn is None else drawn
        rises, at = bool(means[i + 1] > 0), _zero(places, means, i)
        near = [_nearest(places, row, at, rises) for row in drawn]
        there = [place for place in near if place is not None]
        share = len(there) / len(near)
        if share >= _FEWEST:
            low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            interval = Interval(float(low), float(high))
            found.append(Crossing((places[i], places[i + 1]), at, interval, rises, share))
    return found


def _resampled(frames: Sequence[pd.DataFrame]) -> npt.NDArray[np.float64]:
    """Mean gains of shape (resamples, points)."""
    means = np.empty((RESAMPLES, len(frames)))
    for column, frame in enumerate(frames):
        rows, tasks = ([str(name) for name in axis] for axis in (frame.index, frame.columns))
        generator = np.random.default_rng(stable_seed("map", *rows, *sorted(tasks)))
        values = frame[sorted(frame.columns)].to_numpy(dtype=np.float64)
        n_seeds, n_tasks = values.shape
        by_seed = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=RESAMPLES)
        by_task = generator.multinomial(n_tasks, np.full(n_tasks, 1 / n_tasks), size=RESAMPLES)
        means[:, column] = ((by_seed @ values) * by_task).sum(axis=1) / values.size
    return means


def _nearest(places: Sequence[float], means: npt.NDArray[np.float64], to: float, rises: bool) -> float | None:
    """The change of sign of this direction that is nearest to a place."""
    there = [
        _zero(places, means, i)
        for i in range(len(places) - 1)
        if (means[i] <= 0 < means[i + 1] if rises else means[i] >= 0 > means[i + 1])
    ]
    return min(there, key=lambda place: abs(place - to), default=None)


def _zero(places: Sequence[float], means: npt.NDArray[np.float64], i: int) -> float:
    return float(places[i] + (places[i + 1] - places[i]) * means[i] / (means[i] - means[i + 1]))

"""How far a judge agrees with people: the share of equal verdicts, Cohen's kappa with an interval, the four counts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEVEL = 0.95
_RESAMPLES = 10_000


class Agreement(NamedTuple):
    """Agreement on a labelled sample. An answer without a verdict counts as called wrong, as it does everywhere.

    Attributes:
        both_right: Answers that people and judge call right.
        missed: People call them right, the judge wrong.
        let_pass: People call them wrong, the judge right: what a reward would pay for.
        both_wrong: Both call them wrong.
        accuracy: Share of equal verdicts.
        accuracy_interval: 95 %, Wilson's.
        kappa: Cohen's; None where people or judge give one verdict to all, so that chance explains everything.
        kappa_interval: 95 %, percentiles of a bootstrap over the answers.
    """

    both_right: int
    missed: int
    let_pass: int
    both_wrong: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    kappa: float | None
    kappa_interval: tuple[float, float] | None

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return self.both_right + self.missed + self.let_pass + self.both_wrong


def agreement(people: Sequence[bool], judge: Sequence[bool]) -> Agreement:
    """Agreement of two gradings of the same answers, at least one."""
    from scipy.stats import binomtest  # every stage imports this module

    pairs = list(zip(people, judge, strict=True))
    cells = np.array([pairs.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))])
    equal = int(cells[0] + cells[3])
    wilson = binomtest(equal, len(pairs)).proportion_ci(_LEVEL, method="wilson")
    drawn = np.random.default_rng(0).multinomial(len(pairs), cells / len(pairs), _RESAMPLES)
    kappas = _kappa(drawn)
    kappas = kappas[~np.isnan(kappas)]
    kappa = float(_kappa(cells[None])[0])
    both_right, missed, let_pass, both_wrong = map(int, cells)
    found = Agreement(
        both_right,
        missed,
        let_pass,
        both_wrong,
        equal / len(pairs),
        (float(wilson.low), float(wilson.high)),
        None,
        None,
    )
    if np.isnan(kappa):
        return found
    low, high = np.quantile(kappas, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    return found._replace(kappa=kappa, kappa_interval=(float(low), float(high)))


def _kappa(cells: np.ndarray) -> np.ndarray:
    """Cohen's kappa by row of (both right, missed, let pass, both wrong); shape (rows, 4) to (rows,). NaN where chance
    alone explains full agreement."""
    shares = cells / cells.sum(axis=1, keepdims=True)
    observed = shares[:, 0] + shares[:, 3]
    people, judge = shares[:, 0] + shares[:, 1], shares[:, 0] + shares[:, 2]
    chance = people * judge + (1 - people) * (1 - judge)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)

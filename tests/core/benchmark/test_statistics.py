"""Statistics against scipy, published worked examples and values computed by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from mlpo_core.benchmark.paired import paired_bootstrap
from mlpo_core.benchmark.statistics import holm, macro_interval, mcnemar, seed_interval, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_examples(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(successes, n):
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(successes, n)


def test_mcnemar_is_the_binomial_sum():
    by_hand = 2 * sum(math.comb(12, i) for i in range(3)) / 2**12
    assert mcnemar(10, 2) == pytest.approx(by_hand)
    assert mcnemar(2, 10) == pytest.approx(by_hand)
    assert mcnemar(0, 0) == 1.0


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, and never less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_seed_interval_is_students():
    found = seed_interval([0.6, 0.7, 0.8])
    assert found == pytest.approx(stats.t.interval(0.95, 2, loc=0.7, scale=0.1 / math.sqrt(3)))
    assert seed_interval([0.6]) is None


def test_macro_interval_by_hand():
    # groups (1, 0) and (1, 1): mean 0.75, error sqrt(0.5 / 2 + 0) / 2 = 0.25
    assert macro_interval([[1, 0], [1, 1]]) == pytest.approx((0.75 - 1.959964 * 0.25, 1.0), abs=1e-6)
    assert macro_interval([[1, 0], [1]]) is None


def test_bootstrap_over_tasks_agrees_with_scipy():
    draws = np.random.default_rng(0)
    first, second = draws.random(300) < 0.6, draws.random(300) < 0.5
    ours = paired_bootstrap(first[None], second[None], seed=1, resamples=20_000)
    gains = first.astype(float) - second.astype(float)
    theirs = stats.bootstrap((gains,), np.mean, n_resamples=20_000, method="percentile", rng=2).confidence_interval
    assert ours.difference == pytest.approx(gains.mean())
    assert ours.interval == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_bootstrap_over_tasks_and_seeds_agrees_with_drawing_every_task():
    draws = np.random.default_rng(3)
    first, second = draws.random((3, 80)) < 0.7, draws.random((3, 80)) < 0.55
    first[0] |= draws.random(80) < 0.5  # seeds differ
    ours = paired_bootstrap(first, second, seed=1, resamples=20_000)
    gains = first.astype(int) - second.astype(int)
    plain = [gains[np.ix_(draws.integers(0, 3, 3), draws.integers(0, 80, 80))].mean() for _ in range(20_000)]
    assert ours.interval == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.012)


def test_bootstrap_over_seeds_is_wider_than_over_tasks_alone():
    first = np.zeros((2, 400), dtype=bool)
    first[0] = True  # one seed solves all, the other none
    found = paired_bootstrap(first, np.zeros_like(first), seed=1)
    assert found.interval == (0.0, 1.0)


def test_bootstrap_p_is_two_sided_and_never_zero():
    better = np.ones((1, 50), dtype=bool)
    found = paired_bootstrap(better, ~better, seed=1, resamples=999)
    assert found.p == pytest.approx(2 / 1000)
    assert paired_bootstrap(better, better, seed=1, resamples=999).p == 1.0


def test_bootstrap_holds_its_level_where_nothing_differs():
    draws = np.random.default_rng(5)
    rejected = sum(
        paired_bootstrap(draws.random((1, 150)) < 0.5, draws.random((1, 150)) < 0.5, seed=i, resamples=500).p < 0.05
        for i in range(400)
    )
    assert 0.02 < rejected / 400 < 0.09

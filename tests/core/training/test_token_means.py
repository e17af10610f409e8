from collections import defaultdict

import pytest

from mlpo_core.training.token_means import TokenMeans


def test_micro_batches_count_by_their_tokens_and_every_step_anew():
    metrics = defaultdict(list)
    means = TokenMeans(metrics)
    for _ in range(2):
        for value, tokens in ((2.0, 30), (5.0, 10), (7.0, 0)):
            metrics["entropy"].append(value)
            means.fold("entropy", tokens)
        assert metrics["entropy"] == [pytest.approx((2.0 * 30 + 5.0 * 10) / 40)]
        metrics.clear()


def test_what_was_left_out_counts_as_zero():
    metrics = defaultdict(list)
    means = TokenMeans(metrics)
    metrics["clipped"].append(0.5)
    means.fold("clipped", 40, share=0.25)
    metrics["clipped"].append(1.0)
    means.fold("clipped", 10)
    assert metrics["clipped"] == [pytest.approx((0.5 * 10 + 10) / 50)]


def test_a_step_that_measured_nothing_logs_nothing():
    metrics = defaultdict(list)
    means = TokenMeans(metrics)
    metrics["entropy"].append(3.0)
    means.fold("entropy", 0)
    means.fold("kl", 10)
    assert dict(metrics) == {}
    metrics["entropy"].append(1.5)
    means.fold("entropy", 5)
    assert metrics["entropy"] == [1.5]

"""Votes against a count by hand, ties against their seed, and independence of how answers are numbered."""

import random
from collections import Counter

import numpy as np

from mlpo_core.benchmark.votes import tally


def test_the_most_frequent_answer_wins_and_nobody_answering_gives_none():
    codes = np.array([[0, 1, 1, -1], [-1, -1, -1, -1], [2, -1, -1, -1]])
    result = tally(codes, ["a", "b", "c"], [0, 0, 0])
    assert result.winner.tolist() == [1, -1, 2]
    assert result.position.tolist() == [1, 0, 0]
    assert result.tie.tolist() == [False, False, False]


def test_a_tie_is_drawn_by_seed_among_the_leading_answers():
    codes = np.array([[0, 1, 2, 0, 1]] * 200)
    result = tally(codes, ["a", "b", "c"], list(range(200)))
    assert result.tie.all()
    assert Counter(result.winner.tolist()) == {0: 100, 1: 100}
    again = tally(np.array([[1, 0, 2, 1, 0]] * 200), ["b", "a", "c"], list(range(200)))
    assert [["a", "b", "c"][w] for w in result.winner] == [["b", "a", "c"][w] for w in again.winner]


def test_large_votes_agree_with_counting_by_hand():
    rng = random.Random(0)
    codes = np.array([[rng.choice([-1, 0, 1, 2, 3, 4]) for _ in range(501)] for _ in range(40)])
    result = tally(codes, list("abcde"), [0] * 40)
    for row, winner, position, tie in zip(codes, *result, strict=True):
        counts = Counter(c for c in row.tolist() if c >= 0)
        most = max(counts.values())
        leading = [c for c, n in counts.items() if n == most]
        assert winner in leading and tie == (len(leading) > 1) and row.tolist().index(winner) == position

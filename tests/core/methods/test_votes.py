"""Votes against a count by hand, ties against their seed, and independence of how answers are numbered."""

import random
from collections import Counter

import numpy as np

from mlpo_core.methods.votes import chances, tally


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


def test_a_tie_has_the_chance_of_its_draw_whatever_was_drawn():
    codes = np.array(
        [
            [0, 1, 1],  # no tie, right
            [0, 1, 2],  # three tied, one of them right
            [0, 1, -1],  # two tied, one of them right
            [0, 1, 2],  # three tied, all of them wrong
            [-1, -1, -1],  # nobody answers
            [-1, -1, 1],  # abstentions are no answer that could tie
        ]
    )
    correct = np.zeros(codes.shape, bool)
    correct[0, 1:] = correct[1, 2] = correct[2, 0] = correct[5, 2] = True
    for seed in range(6):
        found = chances(codes, correct, tally(codes, ["a", "b", "c"], [seed] * len(codes)))
        assert found == [1.0, 1 / 3, 0.5, 0.0, 0.0, 1.0]


def test_the_mean_over_many_draws_is_the_chance():
    codes, correct = np.array([[0, 1, 2, 0, 1]] * 600), np.array([[False, True, False, False, True]] * 600)
    result = tally(codes, ["a", "b", "c"], list(range(600)))
    drawn = correct[np.arange(600), result.position]
    assert drawn.mean() == np.mean(chances(codes, correct, result)) == 0.5

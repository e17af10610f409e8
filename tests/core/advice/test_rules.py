"""What is advised for teams of which it is known what pays."""

import numpy as np
import pytest

from mlpo_core.advice.gain import Right
from mlpo_core.advice.leader import Share
from mlpo_core.advice.rounds import Rounds
from mlpo_core.advice.rules import (
    CANNOT,
    LEADER,
    LOSES,
    NOT_MEASURED,
    NOT_SHOWN,
    PAYS,
    ROUNDS,
    VOTE,
    WEIGHTED,
    advised,
    options,
)
from mlpo_core.advice.votes import Votes, votes
from tests import mini_chain as mini
from tests.core.advice import teams


@pytest.mark.parametrize(
    ("says", "best", "leader"),
    [
        (teams.skilled(0.6, 0.6, 0.6), VOTE, NOT_SHOWN),
        (teams.skilled(0.9, 0.35, 0.35), WEIGHTED, PAYS),
        (teams.one_mind(0.6), VOTE, CANNOT),
        (teams.one_mind(1.0), VOTE, CANNOT),
        (teams.thoughtful(), LEADER, PAYS),
    ],
    ids=["equals", "one strong agent", "one misconception", "all right", "what votes cannot see"],
)
def test_the_advice_is_what_is_right_by_construction(tmp_path, says, best, leader) -> None:
    ways = options(votes(mini.experiment(), teams.team(tmp_path, says)), None, None)
    assert [way.name for way in ways] == [VOTE, WEIGHTED, LEADER, ROUNDS]
    assert advised(ways).name == best
    assert ways[2].verdict == leader and ways[3].verdict == NOT_MEASURED


def right(share: float, n: int = 1000) -> Right:
    """Right on the first tasks."""
    return np.arange(n)[None] < share * n


def on_dev(vote: float, weighted: float, learned: float, any_right: float) -> Votes:
    arrays = map(right, (vote, 0.5, weighted, learned, any_right))
    return Votes([], 100, "alpha", *arrays, agreement=0.5, unanimous=0.3)


def in_rounds(first: float, last: float, t: int = 3) -> Rounds:
    return Rounds(t, right(0.4), right(first), right(last), right(0.5), right(0.5) if t > 1 else None)


@pytest.mark.parametrize(
    ("first", "last", "best"),
    [
        (0.6, 0.6, VOTE),
        (0.7, 0.7, LEADER),
        (0.7, 0.65, LEADER),
        (0.7, 0.8, ROUNDS),
        (0.6, 0.7, ROUNDS),
        (0.5, 0.5, VOTE),
    ],
)
def test_rounds_have_to_beat_the_leader_that_they_need(first, last, best) -> None:
    ways = options(on_dev(0.6, 0.6, 0.9, 0.9), in_rounds(first, last), None)
    assert advised(ways).name == best
    assert ways[2].most is None, "a leader that was measured needs no estimate"
    assert (ways[2].verdict == LOSES) == (first < 0.6)


def test_what_costs_nothing_comes_before_a_leader_that_is_no_better() -> None:
    assert advised(options(on_dev(0.6, 0.7, 0.7, 0.9), None, None)).name == WEIGHTED
    assert advised(options(on_dev(0.6, 0.7, 0.8, 0.9), None, None)).name == LEADER
    assert advised(options(on_dev(0.6, 0.7, 0.8, 0.9), in_rounds(0.7, 0.7, 1), None)).name == WEIGHTED


def test_without_signal_no_leader_can_be_trained() -> None:
    votes = on_dev(0.6, 0.6, 0.7, 0.9)
    assert advised(options(votes, None, Share(0.0, "", 50))).name == VOTE
    assert advised(options(votes, None, Share(0.1, "", 50))).name == LEADER


def test_rounds_of_a_team_that_cannot_revise_are_not_measured() -> None:
    assert options(on_dev(0.6, 0.6, 0.6, 0.9), in_rounds(0.7, 0.7, 1), None)[3].verdict == NOT_MEASURED

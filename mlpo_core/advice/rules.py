"""What will pay: the cheapest way of answering that nothing dearer beats beyond doubt (docs/decisions/advise.md)."""

from collections.abc import Sequence
from typing import NamedTuple

from mlpo_core.advice.gain import Gain, Right, gain
from mlpo_core.advice.leader import Share
from mlpo_core.advice.rounds import Rounds
from mlpo_core.advice.votes import Votes

VOTE, WEIGHTED, LEADER, ROUNDS = "vote", "weighted vote", "train a leader", "run rounds"
PAYS, LOSES, NOT_SHOWN, CANNOT, NOT_MEASURED = "pays", "loses", "not shown", "cannot pay", "not measured"


class Option(NamedTuple):
    """A way of answering.

    Attributes:
        name: It.
        right: On dev tasks; of a leader that was not trained what it must reach at least; None where not measured.
        gain: Over the vote; None where it was not measured, and for the vote.
        most: Of a leader that was not trained: what it can gain by finding a right answer wherever there is one.
        verdict: On it.
    """

    name: str
    right: Right | None = None
    gain: Gain | None = None
    most: Gain | None = None
    verdict: str = ""


def options(votes: Votes, rounds: Rounds | None, signal: Share | None) -> list[Option]:
    """The ways of answering, the cheaper first.

    Args:
        votes: On dev tasks.
        rounds: On them, if there are any.
        signal: Share of groups that a leader can learn from, if it was measured.
    """
    return [
        Option(VOTE, votes.vote),
        _measured(WEIGHTED, votes.weighted, votes.vote),
        _measured(LEADER, rounds.first_round, votes.vote) if rounds else _estimated(votes, signal),
        _measured(ROUNDS, rounds.last_round, votes.vote)
        if rounds and rounds.last > 1
        else Option(ROUNDS, verdict=NOT_MEASURED),
    ]


def advised(ways: Sequence[Option]) -> Option:
    """The first that pays and is beaten beyond doubt by none after it that pays; the vote where none pays.

    Args:
        ways: Of `options`.
    """
    best = ways[0]
    for way in ways[1:]:
        if way.verdict == PAYS and way.right is not None and best.right is not None:
            best = way if best is ways[0] or gain(way.right, best.right).shown else best
    return best


def _measured(name: str, right: Right, vote: Right) -> Option:
    found = gain(right, vote)
    return Option(name, right, found, verdict=_verdict(found))


def _estimated(votes: Votes, signal: Share | None) -> Option:
    """A leader can do what a learned vote does, and cannot choose a right answer where there is none."""
    least, most = gain(votes.learned, votes.vote), gain(votes.any_right, votes.vote)
    cannot = most.high <= 0 or (signal is not None and signal.value == 0)
    return Option(LEADER, votes.learned, least, most, CANNOT if cannot else _verdict(least))


def _verdict(found: Gain) -> str:
    return PAYS if found.shown else LOSES if found.high < 0 else NOT_SHOWN

"""`<which>_leader/team_vote@n` and `/solo_vote@n`: a leader's own n samples, voted on (self-consistency).

The control for T rounds at equal calls: with its team the leader may write (K + 1)·T - K times, alone (K + 1)·T times,
for what T rounds cost. n = 1 is the leader sampled instead of greedy.
"""

from dataclasses import dataclass

from mlpo_core.methods.election import elect
from mlpo_core.methods.leaders import LEADERS
from mlpo_core.methods.protocol import Answer, Dialogue, Seed
from mlpo_core.methods.replayed import Replayed
from mlpo_core.methods.rounds import AfterRound, add
from mlpo_core.types import Task


@dataclass(frozen=True)
class LeaderVote(Replayed):
    """The vote of the leader's samples, all of which read the same."""

    def _answer(self, after: AfterRound, task: Task, seed: Seed) -> Answer:
        votes, correct = ([row[name] for row in after.leader] for name in ("extracted", "correct"))
        won = elect(self.name, seed.value, task, after.rounds, votes, correct)
        chosen = after.leader[won.position]
        return Answer(
            after.task,
            [row["generation_id"] for row in after.leader],
            chosen["response"],
            chosen["extracted"] if won.answered else None,
            won.answered and chosen["correct"],
            after.calls + len(after.leader),
            *add(after.cost, after.leader),
            tie=won.tie,
            chance=won.chance,
            n_correct_shown=sum(s.correct for s in after.seats) if after.seats else -1,
        )


def leader_vote(which: str, team: tuple[str, ...], n: int) -> LeaderVote:
    """The vote of n samples of a leader; an empty team is solo."""
    name = f"{which}/{'team' if team else 'solo'}_vote@{n}"
    return LeaderVote(name, Dialogue(LEADERS[which], team, "leader", name, votes=n))


def equal_calls(k: int, rounds: int) -> dict[bool, int]:
    """Samples that cost as many calls as T rounds with K agents: with the team (True) and alone (False)."""
    return {True: (k + 1) * rounds - k, False: (k + 1) * rounds}

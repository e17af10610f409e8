"""`debate`: agents read each other's answers and revise their own for T rounds, then vote (after Du et al. 2023)."""

from dataclasses import dataclass

from mlpo_core.methods.election import elect
from mlpo_core.methods.protocol import Answer, Dialogue, Seed
from mlpo_core.methods.replayed import Replayed
from mlpo_core.methods.rounds import AfterRound
from mlpo_core.types import Task

NAME = "debate"


@dataclass(frozen=True)
class Debate(Replayed):
    """The vote of the seats' current answers."""

    def _answer(self, after: AfterRound, task: Task, seed: Seed) -> Answer:
        votes, correct = [s.extracted for s in after.seats], [s.correct for s in after.seats]
        won = elect(self.name, seed.value, task, after.rounds, votes, correct)
        chosen = after.seats[won.position]
        return Answer(
            after.task,
            [s.id for s in after.seats],
            chosen.response,
            chosen.extracted if won.answered else None,
            won.answered and chosen.correct,
            after.calls,
            *after.cost,
            rounds=after.rounds,
            tie=won.tie,
            chance=won.chance,
            n_correct_shown=sum(correct),
        )


def debate(team: tuple[str, ...]) -> Debate:
    """The debate of a team."""
    return Debate(NAME, Dialogue(None, team, "peers", NAME))

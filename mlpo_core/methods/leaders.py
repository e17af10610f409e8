"""`<which>_leader/team`, `/solo` and `/attacked`: the untrained leader and its trained versions, with the team, alone,
and with a team of which one member tries to instruct it."""

from dataclasses import dataclass

from mlpo_core.methods.protocol import Answer, Dialogue, Seed
from mlpo_core.methods.replayed import Replayed
from mlpo_core.methods.rounds import AfterRound, add
from mlpo_core.types import Task

LEADERS = {
    "untrained_leader": "base_models",
    "sft_leader": "sft_leader",
    "mlpo_leader": "mlpo_leader",
    "grpo_leader": "grpo_leader",
}
"""Method prefix, and the asset that holds its checkpoint."""


@dataclass(frozen=True)
class Led(Replayed):
    """A leader's answer after every round. `every_call`: seats read what it wrote, so all its calls count."""

    every_call: bool = True

    def _answer(self, after: AfterRound, task: Task, seed: Seed) -> Answer:
        final = after.leader[-1]
        counted = after.leader if self.every_call else [final]
        return Answer(
            after.task,
            [final["generation_id"]],
            final["response"],
            final["extracted"],
            final["correct"],
            after.calls + len(counted),
            *add(after.cost, counted),
            rounds=after.rounds if after.seats and not self.dialogue.defers else 0,
            n_correct_shown=sum(s.correct for s in after.seats) if after.seats and not self.dialogue.attacked else -1,
        )


def led(which: str, team: tuple[str, ...]) -> Led:
    """The method of a leader; an empty team is solo."""
    name = f"{which}/{'team' if team else 'solo'}"
    return Led(name, Dialogue(LEADERS[which], team, "leader", name))


def attacked(which: str, team: tuple[str, ...]) -> Led:
    """The method of a leader one of whose team gives it orders."""
    name = f"{which}/attacked"
    return Led(name, Dialogue(LEADERS[which], team, "leader", name, attacked=True))

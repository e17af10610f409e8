"""`<which>_leader/team`, `/solo` and `/attacked`: the untrained leader and its trained versions, with the team, alone,
and with a team of which one member tries to instruct it."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_core.benchmark.evidence import History, Shard
from mlpo_core.benchmark.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.benchmark.methods.rounds import AfterRound, add, replay
from mlpo_core.config import Experiment

LEADERS = {
    "untrained_leader": "base_models",
    "sft_leader": "sft_leader",
    "mlpo_leader": "mlpo_leader",
    "grpo_leader": "grpo_leader",
}
"""Method prefix, and the asset that holds its checkpoint."""


@dataclass(frozen=True)
class Led:
    """A leader's answer after every round. `every_call`: seats read what it wrote, so all its calls count."""

    name: str
    dialogue: Dialogue
    every_call: bool = True

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It must be possible to generate."""
        return ungenerated(experiment, self.dialogue)

    def fit(self, history: History) -> Predictor:
        """Nothing to learn here: the leader has been trained."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        for after in replay(shard, self.name, self.dialogue, seed):
            yield self._answer(after)

    def _answer(self, after: AfterRound) -> Answer:
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
            rounds=after.rounds if after.seats else 0,
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


def ungenerated(experiment: Experiment, dialogue: Dialogue) -> str | None:
    """Why nothing can be generated for a dialogue, or None."""
    recorded = {a.name for a in experiment.team.agents if a.model.startswith("recorded:")}
    if not dialogue.leader and recorded & set(dialogue.seats):
        return "not recorded: recorded agents cannot revise their answers"
    if experiment.leader is None:
        return "not recorded" if recorded else "the experiment has no leader"
    return None

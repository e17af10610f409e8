"""What a trained leader and the rounds that it leads reach on dev tasks, where `dev_rounds` was made."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mlpo_core.advice.gain import Right
from mlpo_core.advice.votes import read_shards
from mlpo_core.experiment import Experiment
from mlpo_core.methods.adaptive import SOLO, TEAM
from mlpo_core.methods.evidence import samples_per_agent
from mlpo_core.methods.leaders import led
from mlpo_core.methods.protocol import Seed
from mlpo_core.methods.rounds import replay
from mlpo_core.store import Dataset
from mlpo_core.types import Task


class Rounds(NamedTuple):
    """Arrays of right answers; draws are the benchmark's seeds.

    Attributes:
        last: T, the number of rounds.
        alone: The trained leader without its team.
        first_round: The trained leader after T=1.
        last_round: After the last T; the same where that is 1.
        proposed: The agents' first answers, of shape (seeds × agents, tasks).
        revised: Their answers after they have revised once; None where they do not.
    """

    last: int
    alone: Right
    first_round: Right
    last_round: Right
    proposed: Right
    revised: Right | None


def rounds(experiment: Experiment, inputs: Mapping[str, Dataset], tasks: Sequence[Task]) -> Rounds | None:
    """What came of the rounds; None where none were run.

    Args:
        experiment: Has team and seeds.
        inputs: Of `mlpo_core.advice.inputs`.
        tasks: The dev tasks, in the order of the arrays.
    """
    if "dev_rounds" not in inputs:
        return None
    team, proposals = tuple(agent.name for agent in experiment.team.agents), inputs["agent_proposals"]
    dialogue = led("mlpo_leader", team).dialogue
    draws = [Seed(value, i) for i, value in enumerate(experiment.benchmark.seeds)]
    last, k = dialogue.rounds(experiment), len(team)
    alone = np.zeros((len(draws), len(tasks)), np.bool_)
    leader = np.zeros((last, len(draws), len(tasks)), np.bool_)
    seats = np.zeros((last, len(draws), k, len(tasks)), np.bool_)
    at = {task.task_id: i for i, task in enumerate(tasks)}
    samples = samples_per_agent(proposals, list(at), team)
    for shard in read_shards(tasks, team, samples, proposals, inputs["dev_rounds"]):
        for draw, seed in enumerate(draws):
            for task in shard.tasks:
                alone[draw, at[task.task_id]] = shard.rounds[SOLO, seed.value, task.task_id, 0][0]["correct"]
            for after in replay(shard, TEAM, dialogue, seed):
                cell = at[shard.tasks[after.task].task_id]
                leader[after.rounds - 1, draw, cell] = after.leader[-1]["correct"]
                seats[after.rounds - 1, draw, :, cell] = [seat.correct for seat in after.seats]
    by_seat = seats.reshape(last, -1, len(tasks))
    return Rounds(last, alone, leader[0], leader[-1], by_seat[0], by_seat[1] if last > 1 else None)

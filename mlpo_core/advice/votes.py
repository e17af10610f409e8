"""The votes of a team on dev tasks, by the methods that the benchmark runs on test tasks.

Learned votes are fitted on train tasks. What the benchmark chooses on dev tasks is chosen here on the other half of
them, so that no figure is the best of several on the tasks that it is measured on.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import NamedTuple

import numpy as np

from mlpo_core.advice.gain import Right
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.methods.any_correct import AnyCorrect
from mlpo_core.methods.candidates import joined
from mlpo_core.methods.evidence import History, Shard, read_cube, read_rounds, samples_per_agent
from mlpo_core.methods.majority_vote import MajorityVote
from mlpo_core.methods.protocol import Method, Predictor, Seed
from mlpo_core.methods.shallow_aggregator import ShallowAggregator
from mlpo_core.methods.single import Single
from mlpo_core.methods.weighted_vote import WeightedVote
from mlpo_core.store import Dataset
from mlpo_core.tasks import read_tasks
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Task, stable_seed

_SHARD_ROWS = 65536
"""Proposals and generations held at once."""


class Votes(NamedTuple):
    """What votes reach on dev tasks.

    Attributes:
        tasks: The dev tasks, in the order of the arrays.
        fitted_on: Train tasks that votes learned from.
        best: The agent that is right most often on train tasks.
        vote: Of all agents, an answer each.
        single: That agent alone.
        weighted: The vote that counts every agent by its errors on train tasks.
        learned: The vote that knows all that can be known without reading.
        any_right: Whether any agent is right.
        agreement: Share of pairs of agents that give the same answer; a team of one agrees.
        unanimous: Share of tasks on which all do.
    """

    tasks: Sequence[Task]
    fitted_on: int
    best: str
    vote: Right
    single: Right
    weighted: Right
    learned: Right
    any_right: Right
    agreement: float
    unanimous: float


def votes(experiment: Experiment, inputs: Mapping[str, Dataset]) -> Votes:
    """Answer every dev task in every way.

    Raises:
        BadInput: There is no dev or no train task, or an agent has not answered one.
    """
    known, proposals = read_tasks(inputs["tasks"], {"train", "dev"}), inputs["agent_proposals"]
    dev = [task for task in known.values() if task.split == "dev"]
    for split, uses in (("dev", "measured on"), ("train", "fitted on")):
        if not any(task.split == split for task in known.values()):
            raise BadInput(
                f"tasks: {experiment.name} has no {split} task, and votes are {uses} these: raise tasks.*.{split}, or "
                "its share in tasks.*.shares"
            )
    agents = [agent.name for agent in experiment.team.agents]
    # No method here asks for the test proposals, which stand in the second place elsewhere.
    past = History(known, agents, proposals, proposals)
    on_train = np.nanmean([rate for task, rate in past.rates.items() if known[task].split == "train"], axis=0)
    best = agents[int(np.argmax(on_train))]
    methods: dict[str, Method] = {
        "vote": MajorityVote(len(agents)),
        "single": Single(best),
        "weighted": WeightedVote(),
        "learned": ShallowAggregator(),
        "any_right": AnyCorrect(),
    }
    samples = samples_per_agent(proposals, [task.task_id for task in dev], agents)
    draws = seeds(experiment, samples)
    at = {task.task_id: i for i, task in enumerate(dev)}
    right = {name: np.zeros((len(draws), len(dev)), np.bool_) for name in methods}
    pairs, everybody = np.zeros(len(dev)), np.zeros(len(dev))
    halves = [[task for task in dev if stable_seed("half", task.task_id) % 2 == half] for half in (0, 1)]
    for half, other in (halves, halves[::-1]):
        past = _choosing_on(other, past, proposals, samples)
        predictors = {name: method.fit(past) for name, method in methods.items()}
        for shard in read_shards(half, agents, samples, proposals):
            places = [at[task.task_id] for task in shard.tasks]
            _answer(shard, predictors, draws, places, right)
            pairs[places], everybody[places] = _agreement(shard.cube.codes)
    return Votes(
        dev,
        len(past.train.tasks),
        best,
        **right,
        agreement=float(pairs.mean()),
        unanimous=float(everybody.mean()),
    )


def seeds(experiment: Experiment, samples: int) -> list[Seed]:
    """The benchmark's, and further ones where agents have more samples than it has seeds."""
    own = experiment.benchmark.seeds
    further = range(len(own), max(len(own), samples))
    return [*(Seed(value, i) for i, value in enumerate(own)), *(Seed(i, i) for i in further)]


def read_shards(
    tasks: Sequence[Task], agents: Sequence[str], samples: int, proposals: Dataset, rounds: Dataset | None = None
) -> Iterator[Shard]:
    """Tasks with the team's answers to them, and the rounds that were run on them."""
    index, of_rounds = TaskIndex(proposals), TaskIndex(rounds) if rounds else None
    for some in shards(tasks, max(1, _SHARD_ROWS // (samples * len(agents)))):
        yield Shard(some, agents, read_cube(index, some, agents, samples), read_rounds(of_rounds, some))


def _choosing_on(tasks: Sequence[Task], past: History, proposals: Dataset, samples: int) -> History:
    """The same past, whose dev tasks are these alone."""
    chosen = copy(past)
    there = read_shards(tasks, past.agents, samples, proposals)
    chosen.dev = joined([shard.candidates(i) for shard in there for i in range(samples)], len(past.agents))
    return chosen


def _answer(
    shard: Shard,
    predictors: Mapping[str, Predictor],
    draws: Sequence[Seed],
    places: Sequence[int],
    right: Mapping[str, Right],
) -> None:
    for name, predictor in predictors.items():
        for draw, seed in enumerate(draws):
            for answer in predictor(shard, seed):
                right[name][draw, places[answer.task]] = answer.correct


def _agreement(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By task, over samples: the share of pairs that agree, and whether all do. Who gives no answer agrees with nobody.

    Args:
        codes: The answers, of shape (tasks, agents, samples), -1 for none.
    """
    first, second = np.triu_indices(codes.shape[1], 1)
    same = (codes[:, first] == codes[:, second]) & (codes[:, first] >= 0)
    pairs = same.mean(axis=(1, 2)) if len(first) else np.ones(len(codes))
    return pairs, same.all(axis=1).mean(axis=1)

"""`majority_vote@n`: the most frequent answer among n proposals, taken from all agents in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.methods.votes import chances, tally
from mlpo_core.types import Task, stable_seed


@dataclass(frozen=True)
class MajorityVote:
    """A vote of n. Answers count as one when they are equal in the form in which the grader reads them."""

    n: int
    dialogue: Dialogue | None = None

    @property
    def name(self) -> str:
        """`majority_vote@<n>`."""
        return f"majority_vote@{self.n}"

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """It needs n proposals per task."""
        there = samples * experiment.k
        if self.n <= there:
            return None
        recorded = any(a.model.startswith("recorded:") for a in experiment.team.agents)
        return (
            f"not recorded: a vote of {self.n} needs {self.n} proposals per task, and {there} were recorded"
            if recorded
            else f"needs {self.n} proposals per task, and {there} were sampled (proposals.benchmark_samples × K)"
        )

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        agents, samples = ballots(shard.tasks, len(shard.agents), shard.samples, self.n, seed)
        rows = np.arange(len(shard.tasks))[:, None]
        cube = shard.cube
        draws = [stable_seed("tie", self.name, seed.value, t.task_id) for t in shard.tasks]
        codes, correct = cube.codes[rows, agents, samples], cube.correct[rows, agents, samples]
        result = tally(codes, cube.answers, draws)
        chance = chances(codes, correct, result)
        for task in range(len(shard.tasks)):
            votes = (task, agents[task], samples[task])
            first = int(result.position[task])
            cell = (task, agents[task, first], samples[task, first])
            answered = result.winner[task] >= 0
            yield Answer(
                task,
                cube.proposal_id.several(votes),
                cube.response[cell],
                cube.extracted[cell] if answered else None,
                bool(answered and cube.correct[cell]),
                self.n,
                *cube.cost(*votes),
                tie=bool(result.tie[task]),
                chance=chance[task],
                n_correct_shown=int(correct[task].sum()) if self.n == len(shard.agents) else -1,
            )


def ballots(tasks: Sequence[Task], k: int, samples: int, n: int, seed: Seed) -> tuple[np.ndarray, np.ndarray]:
    """Which proposals vote: agent and sample positions, each of shape (tasks, n).

    Every agent votes with as many samples as every other. Where n is no multiple of K, who votes once more is drawn per
    task by seed. Seeds take samples that follow each other, and share some only where there are too few.
    """
    turns = -(-n // k)
    turn, agent = np.divmod(np.arange(n), k)
    agents = np.tile(agent, (len(tasks), 1))
    if n % k:
        last = turn == turns - 1
        for row, task in enumerate(tasks):
            order = sorted(range(k), key=lambda a: stable_seed("ballot", seed.value, task.task_id, a))
            agents[row, last] = order[: n % k]
    return agents, np.tile((seed.position * turns + turn) % samples, (len(tasks), 1))

"""`first_agents:<k>`: the majority of the team's first k agents, one answer each: accuracy against tokens over K."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Answer, Dialogue, Predictor, Seed
from mlpo_core.methods.votes import chances, tally
from mlpo_core.types import stable_seed


@dataclass(frozen=True)
class FirstAgents:
    """The vote of a smaller team: agents join in the order in which the experiment names them."""

    k: int
    dialogue: Dialogue | None = None

    @property
    def name(self) -> str:
        """`first_agents:<k>`."""
        return f"first_agents:{self.k}"

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Nothing to learn."""
        return self._predict

    def _predict(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        cube, sample, agents = shard.cube, seed.position % shard.samples, np.arange(self.k)
        # The draws of the vote of this size: with all agents the two are one vote, and one coin must decide it.
        draws = [stable_seed("tie", f"majority_vote@{self.k}", seed.value, t.task_id) for t in shard.tasks]
        codes, correct = cube.codes[:, : self.k, sample], cube.correct[:, : self.k, sample]
        result = tally(codes, cube.answers, draws)
        chance = chances(codes, correct, result)
        for task in range(len(shard.tasks)):
            cell = (task, int(result.position[task]), sample)
            answered = bool(result.winner[task] >= 0)
            yield Answer(
                task,
                cube.proposal_id.several(np.s_[task, : self.k, sample]),
                cube.response[cell],
                cube.extracted[cell] if answered else None,
                answered and bool(cube.correct[cell]),
                self.k,
                *cube.cost(task, agents, sample),
                tie=bool(result.tie[task]),
                chance=chance[task],
            )

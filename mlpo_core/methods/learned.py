"""Votes that learn: fitted on train tasks, chosen on dev tasks, and never shown a test task's gold answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mlpo_core.errors import BadInput
from mlpo_core.methods.candidates import Candidates
from mlpo_core.methods.evidence import History, Shard
from mlpo_core.methods.protocol import Answer, Seed
from mlpo_core.types import stable_seed

Score = Callable[[Candidates], np.ndarray]
"""How much speaks for every candidate; shape (candidates,)."""


class Variant(NamedTuple):
    """One way in which a vote could be fitted: what is chosen on dev, and how.

    Attributes:
        choice: Its settings.
        fit: Fits it; returns the score and the fitted parameters, which JSON can hold.
    """

    choice: Mapping[str, Any]
    fit: Callable[[Candidates], tuple[Score, Mapping[str, Any]]]


@dataclass(frozen=True)
class LearnedVote:
    """A fitted vote: answers the tasks of a shard.

    Attributes:
        method: Name of the method.
        score: What was fitted.
        learned: The choice, what every variant reached on dev, and the parameters; JSON.
    """

    method: str
    score: Score
    learned: Mapping[str, Any]

    def __call__(self, shard: Shard, seed: Seed) -> Iterator[Answer]:
        """The candidate with the highest score for every task; a tie is drawn by seed."""
        cube, sample, agents = shard.cube, seed.position % shard.samples, np.arange(len(shard.agents))
        there = shard.candidates(sample)
        best = winners(there, self.score(there))
        for row, task in enumerate(shard.tasks):
            tied = sorted(best.get(row, ()), key=lambda c: cube.answers[there.code[c]])
            winner = tied[stable_seed("tie", self.method, seed.value, task.task_id) % len(tied)] if tied else None
            first = 0 if winner is None else int(there.first[winner])
            cell = (row, first, sample)
            yield Answer(
                row,
                cube.proposal_id.several(np.s_[row, :, sample]),
                cube.response[cell],
                None if winner is None else cube.extracted[cell],
                winner is not None and bool(there.right[winner]),
                len(shard.agents),
                *cube.cost(row, agents, sample),
                tie=len(tied) > 1,
                chance=float(there.right[tied].mean()) if tied else 0.0,
                n_correct_shown=int(cube.correct[row, :, sample].sum()),
            )


def winners(there: Candidates, scores: np.ndarray) -> dict[int, list[int]]:
    """The candidates with the highest score, by election; several where they are tied."""
    if not len(scores):
        return {}
    highest = np.maximum.reduceat(scores, there.starts)
    sizes = np.diff([*there.starts, len(scores)])
    best: dict[int, list[int]] = {}
    for candidate in np.flatnonzero(scores >= np.repeat(highest, sizes) - 1e-9):
        best.setdefault(int(there.election[candidate]), []).append(int(candidate))
    return best


def accuracy(there: Candidates, scores: np.ndarray) -> float:
    """Share of elections, at least one, whose winner is right; over the draws of ties."""
    right = [float(there.right[tied].mean()) for tied in winners(there, scores).values()]
    return sum(right) / len(there.tasks)


def choose(method: str, history: History, variants: Sequence[Variant]) -> LearnedVote:
    """Fit every variant on train tasks and keep what is best on dev tasks; of equals the first.

    Without dev tasks that is the first variant.

    Raises:
        BadInput: There is no train task to fit on.
    """
    if not history.train.tasks:
        raise BadInput(
            f"benchmark.methods: {method} is fitted on train tasks, and this experiment has none: leave it out, or "
            "raise tasks.*.train"
        )
    fitted = [(variant.choice, *variant.fit(history.train)) for variant in variants]
    dev = history.dev
    reached = [accuracy(dev, score(dev)) if dev.tasks else 0.0 for _, score, _ in fitted]
    choice, score, parameters = fitted[int(np.argmax(reached))]
    return LearnedVote(
        method,
        score,
        {
            "choice": dict(choice),
            "fitted_on": len(history.train.tasks),
            "chosen_on": len(dev.tasks),
            "dev": [{**c, "accuracy": round(a, 4)} for (c, _, _), a in zip(fitted, reached, strict=True)],
            "parameters": dict(parameters),
        },
    )

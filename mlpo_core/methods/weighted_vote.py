"""`weighted_vote`: every agent's vote counts by how often it was right on train tasks of the subject.

The weight is that of the best rule for voters whose errors are independent and fall on all wrong answers alike:
log((1 − e)(m − 1) / e), with error rate e and m possible answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.candidates import Candidates, topic
from mlpo_core.methods.evidence import History
from mlpo_core.methods.learned import LearnedVote, Score, Variant, choose
from mlpo_core.methods.protocol import Dialogue

_PRIORS = (20, 5, 80, 320)
"""Votes' worth of trust in an agent's overall error rate, for a subject."""
Answers = Literal["options", "distinct"]
"""What m counts: a task's options where it has any, or the distinct answers that were given."""


@dataclass(frozen=True)
class WeightedVote:
    """Knows whom to trust with what, and reads nothing."""

    name: str = "weighted_vote"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> LearnedVote:
        """Count errors on train tasks; choose the smoothing and what m counts on dev tasks."""
        kinds: tuple[Answers, ...] = ("options", "distinct")
        variants = [
            Variant({"pseudo_count": prior, "answers": kind}, partial(_fit, prior=prior, kind=kind))
            for prior in _PRIORS
            for kind in kinds
        ]
        return choose(self.name, history, variants)


def _fit(past: Candidates, prior: int, kind: Answers) -> tuple[Score, Mapping[str, Any]]:
    overall = _rates(past.votes, past.right, 2.0, np.full(past.votes.shape[1], 0.5))
    subjects = np.array([topic(past.tasks[e]) for e in past.election], dtype=object)
    errors = {
        subject: _rates(past.votes[at], past.right[at], prior, overall)
        for subject in sorted(set(subjects.tolist()))
        if (at := subjects == subject).any()
    }

    def score(there: Candidates) -> np.ndarray:
        by_task = np.array([errors.get(topic(task), overall) for task in there.tasks])
        error = by_task[there.election]
        options = np.array([len(task.choices) for task in there.tasks], float)[there.election]
        distinct = there.rivals.astype(float)
        m = np.maximum(np.where(options > 0, options, distinct) if kind == "options" else distinct, 2.0)
        weights = np.log((1 - error) * (m[:, None] - 1) / error)
        return (weights * there.votes).sum(axis=1)

    rounded = {subject: np.round(rate, 4).tolist() for subject, rate in errors.items()}
    return score, {"error_rates": {"": np.round(overall, 4).tolist(), **rounded}}


def _rates(votes: np.ndarray, right: np.ndarray, prior: float, towards: np.ndarray) -> np.ndarray:
    """Every agent's share of wrong votes, smoothed."""
    return ((votes & ~right[:, None]).sum(axis=0) + prior * towards) / (votes.sum(axis=0) + prior)

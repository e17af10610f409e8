"""`shallow_aggregator`: a linear model that scores candidate answers from what needs no reading.

Its features: who voted for a candidate, on which subject, how long the responses behind it are, whether they name an
answer near their end, and how many agree. It is a conditional logit, fitted on train tasks so that the right candidate
of every task is likely.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.candidates import Candidates, topic
from mlpo_core.methods.evidence import History
from mlpo_core.methods.learned import LearnedVote, Score, Variant, choose
from mlpo_core.methods.protocol import Dialogue

_FEATURES = (("agents",), ("agents", "subjects"), ("agents", "subjects", "texts"), ("agents", "texts"))
"""Groups of features that are tried."""
_PENALTIES = (3e-3, 1e-3, 1e-2, 3e-2)
"""Of the squared weights, against the mean loss of a task."""
_ITERATIONS, _TOLERANCE = 500, 1e-4
"""Steps at most, and the largest slope of the loss at which they end."""


@dataclass(frozen=True)
class ShallowAggregator:
    """What can be learned about whom to trust without reading."""

    name: str = "shallow_aggregator"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> LearnedVote:
        """Fit on train tasks; choose features and penalty on dev tasks."""
        variants = [
            Variant({"features": list(groups), "penalty": penalty}, partial(_fit, groups=groups, penalty=penalty))
            for groups in _FEATURES
            for penalty in _PENALTIES
        ]
        return choose(self.name, history, variants)


@dataclass(frozen=True)
class _Scale:
    """What is needed to make features of other tasks in the same way."""

    groups: Sequence[str]
    subjects: Mapping[str, int]
    centre: np.ndarray
    spread: np.ndarray

    def features(self, there: Candidates) -> Any:
        """A sparse matrix, of shape (candidates, features)."""
        from scipy import sparse

        votes = there.votes.astype(float)
        share = votes.sum(axis=1) / max(1, votes.shape[1])
        most = np.zeros(len(there.tasks))
        np.maximum.at(most, there.election, share)
        leads = (share == most[there.election]).astype(float)
        blocks: list[Any] = [sparse.csr_array(votes), sparse.csr_array(np.stack([share, leads], axis=1))]
        if "subjects" in self.groups:
            row, agent = np.nonzero(there.votes)
            known = np.array([self.subjects.get(topic(t), -1) for t in there.tasks], np.int64)[there.election[row]]
            row, agent, known = row[known >= 0], agent[known >= 0], known[known >= 0]
            shape = (len(votes), votes.shape[1] * len(self.subjects))
            at = (row, agent * len(self.subjects) + known)
            blocks.append(sparse.csr_array((np.ones(len(row)), at), shape=shape))
        if "texts" in self.groups:
            length = ((np.log1p(there.lengths) - self.centre) / self.spread)[there.election]
            blocks += [sparse.csr_array(votes * length), sparse.csr_array(votes * there.ends[there.election])]
        return sparse.hstack(blocks, format="csr")


def _fit(past: Candidates, groups: Sequence[str], penalty: float) -> tuple[Score, Mapping[str, Any]]:
    from scipy.optimize import minimize

    length = np.log1p(past.lengths)
    names = sorted({topic(task) for task in past.tasks})
    centre, spread = length.mean(axis=0), np.maximum(length.std(axis=0), 1e-6)
    scale = _Scale(groups, {name: i for i, name in enumerate(names)}, centre, spread)
    x, sizes = scale.features(past), np.diff([*past.starts, len(past.election)])
    solvable = np.repeat(np.logical_or.reduceat(past.right, past.starts) if len(sizes) else [], sizes).astype(bool)
    tasks = max(1, int(solvable[past.starts].sum()))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = x @ weights
        score = np.exp(score - np.repeat(np.maximum.reduceat(score, past.starts), sizes))
        chance = score / np.repeat(np.add.reduceat(score, past.starts), sizes)
        of_right = np.add.reduceat(np.where(past.right, chance, 0.0), past.starts)
        wanted = np.where(past.right, chance, 0.0) / np.maximum(np.repeat(of_right, sizes), 1e-300)
        pull = np.where(solvable, chance - wanted, 0.0)
        value = -np.log(np.maximum(of_right[solvable[past.starts]], 1e-300)).sum() / tasks
        return value + penalty / 2 * float(weights @ weights), x.T @ pull / tasks + penalty * weights

    weights = np.zeros(x.shape[1])
    if len(sizes):
        # Conjugate gradients: L-BFGS is in compiled code whose threads cost forty times what it computes here.
        limits = {"maxiter": _ITERATIONS, "gtol": _TOLERANCE}
        weights = minimize(loss, weights, jac=True, method="CG", options=cast(Any, limits)).x
    parameters = {
        "weights": np.round(weights, 4).tolist(),
        "subjects": names,
        "length_mean": np.round(centre, 4).tolist(),
        "length_deviation": np.round(spread, 4).tolist(),
    }
    return lambda there: scale.features(there) @ weights, parameters

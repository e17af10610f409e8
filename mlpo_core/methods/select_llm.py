"""`select_llm`: a trained router that reads the question and picks the agent that will answer it (after SelectLLM).

One logistic regression per agent on hashed words and character triples of the question, trained on how often the agent
was right on every training task. The paper's router is a language model; this one is small on purpose: it shows what a
question alone tells about who will be right.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.copied import copied
from mlpo_core.methods.evidence import History
from mlpo_core.methods.protocol import Dialogue, Predictor
from mlpo_core.prompts.task import question
from mlpo_core.types import Task

_FEATURES = 2**14
_RIDGE = 1e-3


@dataclass(frozen=True)
class SelectLLM:
    """Copies the agent that it expects to be right."""

    name: str = "select_llm"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Learn from the training tasks (dev tasks where there are none)."""
        train = [t for t in history.rates if history.tasks[t].split == "train"] or list(history.rates)
        if not train:
            best = int(np.argmax(history.on_dev))
            return lambda shard, seed: copied(shard, seed, [best] * len(shard.tasks))
        x = _features([history.tasks[t] for t in train])
        y = np.nan_to_num([history.rates[t] for t in train])
        weights = np.stack([_logistic(x, y[:, agent]) for agent in range(y.shape[1])], axis=1)
        return lambda shard, seed: copied(
            shard, seed, [int(i) for i in np.argmax(_features(shard.tasks) @ weights, axis=1)]
        )


def _features(tasks: Sequence[Task]) -> Any:
    """A sparse row of unit length per task; the last column is constant."""
    from scipy import sparse

    rows, columns, values = list[int](), list[int](), list[float]()
    for row, task in enumerate(tasks):
        text = question(task).lower()
        words = text.split()
        grams = {
            *words,
            *(text[i : i + 3] for i in range(len(text) - 2)),
            *map(" ".join, pairwise(words)),
        }
        buckets = {zlib.crc32(gram.encode("utf-8", "replace")) % _FEATURES for gram in grams}
        rows += [row] * (len(buckets) + 1)
        columns += [*sorted(buckets), _FEATURES]
        values += [len(buckets) ** -0.5] * len(buckets) + [1.0]
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(tasks), _FEATURES + 1))


def _logistic(x: Any, y: np.ndarray) -> np.ndarray:
    """Weights that minimise the mean cross-entropy of soft labels plus a ridge (not on the constant)."""
    from scipy.optimize import minimize
    from scipy.special import expit

    penalised = np.ones(x.shape[1])
    penalised[-1] = 0.0

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ w
        value = np.mean(np.logaddexp(0.0, z) - y * z) + 0.5 * _RIDGE * np.sum(penalised * w**2)
        return float(value), x.T @ (expit(z) - y) / len(y) + _RIDGE * penalised * w

    return minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x

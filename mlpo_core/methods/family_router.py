"""`family_router`: for every subject, the agent that was best on that subject's dev tasks."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from mlpo_core.experiment import Experiment
from mlpo_core.methods.copied import copied
from mlpo_core.methods.evidence import History
from mlpo_core.methods.protocol import Dialogue, Predictor

_PRIOR_TASKS = 5
"""Tasks' worth of trust in an agent's overall dev accuracy: subjects may have few dev tasks."""


@dataclass(frozen=True)
class FamilyRouter:
    """Knows a task's subject, not the task."""

    name: str = "family_router"
    dialogue: Dialogue | None = None

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Always there."""
        return None

    def fit(self, history: History) -> Predictor:
        """Pick an agent per subject; unseen subjects get the best agent overall."""
        seen: defaultdict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
        for task_id, rate in history.rates.items():
            task = history.tasks[task_id]
            if task.split == "dev":
                seen[task.benchmark, task.subject].append(np.nan_to_num(rate))
        choice = {
            subject: int(
                np.argmax((np.sum(rates, axis=0) + _PRIOR_TASKS * history.on_dev) / (len(rates) + _PRIOR_TASKS))
            )
            for subject, rates in seen.items()
        }
        best = int(np.argmax(history.on_dev))
        return lambda shard, seed: copied(
            shard, seed, [choice.get((t.benchmark, t.subject), best) for t in shard.tasks]
        )

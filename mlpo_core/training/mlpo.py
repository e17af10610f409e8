"""MLPO: the leader learns by GRPO to answer from a task and its team's proposals (paper, training stage).

The agents generate nothing here: their proposals are part of the prompts in `mlpo_dataset`.
"""

from typing import Any

from mlpo_core.run import Context
from mlpo_core.training.grpo import COLUMNS, train


def run(ctx: Context) -> dict[str, Any]:
    """Train the leader on the train rows of `mlpo_dataset`; its dev rows give the curves."""
    prompts = ctx.inputs["mlpo_dataset"]
    training = (row for row in prompts.rows(COLUMNS) if row["split"] == "train")
    dev = (row for row in prompts.rows(COLUMNS) if row["split"] == "dev")
    return train(ctx, ctx.experiment.mlpo, training, dev)

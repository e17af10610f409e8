"""MLPO: the leader learns by GRPO to answer from a task and its team's proposals (paper, training stage).

The agents generate nothing here: their proposals are part of the prompts in `mlpo_dataset`. Beyond the paper, with
`mlpo.rounds` above 1 they revise during training, and with `mlpo.online` they answer anew.
"""

from functools import partial
from typing import Any

from mlpo_core.context import Context
from mlpo_core.training import curriculum
from mlpo_core.training import leader as leaders
from mlpo_core.training.grpo import COLUMNS, train
from mlpo_core.training.later_rounds import LaterRounds


def run(ctx: Context) -> dict[str, Any]:
    """Train the leader on the train rows of `mlpo_dataset`; its dev rows give the curves."""
    settings = ctx.experiment.mlpo
    prompts = ctx.inputs["mlpo_dataset"]
    key = curriculum.key_of(settings.curriculum)
    columns = (*COLUMNS, *curriculum.COLUMNS) if key else COLUMNS
    training = (row for row in prompts.rows(columns) if row["split"] == "train")
    dev = (row for row in prompts.rows(COLUMNS) if row["split"] == "dev")
    later = partial(LaterRounds, ctx, leaders.leader_section(ctx)) if settings.asks_team else None
    return train(ctx, settings, training, dev, later=later, key=key)

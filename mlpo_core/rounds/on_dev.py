"""The MLPO leader's rounds with its team, and alone, on dev tasks: on them it is chosen when to stop."""

from typing import Any

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.rounds.inference import rounds_on
from mlpo_core.tasks import read_tasks


def run(ctx: Context) -> dict[str, Any]:
    """Write the generations of every round on dev tasks; returns the manifest's stats.

    Raises:
        BadInput: There is no dev task.
    """
    leader = ctx.experiment.leader
    assert leader  # noqa: S101 - narrows a type
    tasks = list(read_tasks(ctx.inputs["tasks"], {"dev"}).values())
    if not tasks:
        raise BadInput("inference.stop is chosen on dev tasks, and there is none: raise tasks.*.dev, or leave it out")
    return rounds_on(ctx, leader, tasks, ctx.inputs["agent_proposals"])

"""What a run will make, before it is queued or started."""

import dagster as dg

from mlpo_core.chain.experiments import find, owner, skipped
from mlpo_core.chain.plan import plan
from mlpo_core.chain.spec import Spec, versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.store import Store
from pipelines.tags import APPROVED


def foreseen(partition: str, selected: set[str], *, fresh: bool = False) -> list[str]:
    """The assets that a run will make, in chain order; those that it reuses or that do not apply are left out.

    Args:
        partition: Name of the experiment.
        selected: The assets of the run.
        fresh: Whether it makes everything again.

    Raises:
        BadInput: There is no such experiment, or it is not valid.
    """
    experiment = find(partition)
    asked = [asset for asset in STAGES if asset in selected and not skipped(asset, experiment)]
    if fresh:
        return asked
    there = versions(experiment, Store())
    return [asset for asset in asked if asset not in there]


def asks(partition: str, assets: list[str]) -> bool:
    """Whether an experiment, or the one that trains its leaders, asks before these assets are made.

    Raises:
        BadInput: There is no such experiment, or it is not valid.
    """
    experiment = find(partition)
    return any(owner(asset, experiment).ask for asset in assets)


def require_approval(run: dg.DagsterRun, spec: Spec) -> None:
    """Refuse what is expensive and was not meant.

    Raises:
        BadInput: The experiment asks before anything is made, and no tag of the run names it; says what it costs.
    """
    experiment = spec.experiment
    meant = {name.strip() for name in run.tags.get(APPROVED, "").split(",")}
    named = {spec.partition, experiment.name} | {n.partition("--")[0] for n in (spec.partition, experiment.name)}
    if experiment.ask and not meant & named:
        raise BadInput(
            f"{spec.asset}: experiment {experiment.name} asks before it makes anything{_cost(experiment)}. To make it, "
            f"launch this again with the tag {APPROVED}: {experiment.name}"
        )


def _cost(experiment: Experiment) -> str:
    try:
        hours = plan(experiment).gpu_hours
    except BadInput:
        return ""
    return f": it takes about {hours:,.0f} GPU-hours (python -m mlpo_core plan {experiment.name})"

"""The run queue: only runs that have something to make count against the limit on runs.

A run is looked up before it is queued. One that will make versions is tagged with their assets and with what it needs,
an accelerator or none, and `dagster.yaml` limits how many of each go on at once; one that only reuses passes them. So
the nightly schedule confirms every report, and what holds no model is made, while a training of days holds the
accelerator and others wait behind it.
"""

import logging

import dagster as dg
from dagster._core.run_coordinator import (  # Dagster's own way to extend its queue: has no public name
    QueuedRunCoordinator,
    SubmitRunContext,
)

from mlpo_core.chain.experiments import find, owner
from mlpo_core.chain.holding import holds_model
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from pipelines.foresight import foreseen
from pipelines.slots import ACCELERATOR
from pipelines.tags import FRESH, MAKES, NEEDS

PROCESSOR = "processor"
"""What a run needs that holds no model."""
_PARTITION = "dagster/partition"


class LookupRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue, with a tag on the runs that will make something."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag the run if it will make versions, and queue it."""
        run = context.dagster_run
        if made := made_by(run):
            self._instance.add_run_tags(run.run_id, {MAKES: ", ".join(made), NEEDS: needed_by(run, made)})
        return super().submit_run(context)


def needed_by(run: dg.DagsterRun, made: list[str]) -> str:
    """What a run that makes these assets needs. An experiment that cannot be read is counted among the heavy ones."""
    try:
        experiment = find(run.tags[_PARTITION])
        holds = any(holds_model(asset, owner(asset, experiment)) for asset in made)
    except (BadInput, KeyError):
        return ACCELERATOR
    return ACCELERATOR if holds else PROCESSOR


def made_by(run: dg.DagsterRun) -> list[str]:
    """The assets that a run will make. What cannot be looked up, because the store does not answer, counts as made."""
    if run.asset_check_selection and not run.asset_selection:
        return []  # checks alone make nothing
    assets = {key.to_user_string() for key in run.asset_selection or ()} or set(STAGES)
    partition = run.tags.get(_PARTITION)
    try:
        return foreseen(partition, assets, fresh=FRESH in run.tags) if partition else []
    except BadInput:
        return []  # the run will say so, and end at once
    except Exception:
        logging.getLogger(__name__).exception("run %s counts as one that makes versions", run.run_id)
        return sorted(assets)

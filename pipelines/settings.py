"""What each stage reads of an experiment, as assets beside the chain: an edited experiment shows what is stale.

The data version of `settings/STAGE` is a hash of exactly the settings, and of the code, that enter the keys of STAGE.
It is observed when the sensor sees an edited file or other code, and by every run for what it makes, so that a version
never seems older than what it was made with. Which files and hub revisions changed is left to the run that looks them
up: that can take long.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator

import dagster as dg

from mlpo_core.chain.experiments import find, owner
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from pipelines.errors import as_failure
from pipelines.partitions import EXPERIMENTS

GROUP = "settings"
_DATA_VERSION = "dagster/data_version"


def settings_key(asset: str) -> dg.AssetKey:
    """The key of what a stage reads."""
    return dg.AssetKey([GROUP, asset])


_SPECS = [
    dg.AssetSpec(
        settings_key(asset),
        description=f"The settings of an experiment that {asset} reads: {', '.join(stage.sections)}",
        group_name=GROUP,
        kinds={"yaml"},
    )
    for asset, stage in STAGES.items()
]


def _read(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
    """Reads an experiment's file when a person asks; else the sensor `experiment_files` does."""
    with as_failure():
        experiment = find(context.partition_key)
        for key in context.selected_asset_keys:
            version = data_version(key.path[-1], experiment)
            yield dg.ObserveResult(asset_key=key, data_version=dg.DataVersion(version))


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)  # a user can do nothing about it
    settings = dg.multi_observable_source_asset(name=GROUP, specs=_SPECS, partitions_def=EXPERIMENTS, can_subset=True)(
        _read
    )

CHANGED = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
"""Whether what was made once has other settings or inputs now. What was never made is a person's to ask for."""


def data_version(asset: str, experiment: Experiment) -> str:
    """A hash of what a stage reads of an experiment, or of the one that trains its leaders, and of the code it runs."""
    stage, settings = STAGES[asset], owner(asset, experiment)
    if stage.skipped(settings):
        return "not part of this experiment"
    read = [stage.code(settings), stage.settings(settings)]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]


def data_versions(partition: str) -> dict[str, str]:
    """By stage, the data version of its settings; none for a file that is no experiment: its runs say why."""
    try:
        experiment = find(partition)
        return {asset: data_version(asset, experiment) for asset in STAGES}
    except BadInput:
        return {}


def observation(partition: str, asset: str, version: str) -> dg.AssetObservation:
    """That a partition's settings for a stage are of this data version now."""
    return dg.AssetObservation(settings_key(asset), partition=partition, tags={_DATA_VERSION: version})


def latest_data_versions(instance: dg.DagsterInstance, asset: str) -> dict[str, str]:
    """By partition, the data version of a stage's settings that was observed last."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        settings_key(asset), dg.DagsterEventType.ASSET_OBSERVATION, [_DATA_VERSION]
    )
    return {partition: found[_DATA_VERSION] for partition, found in tags.items()}


def observe(context: dg.AssetExecutionContext, asset: str, experiment: Experiment) -> None:
    """Record the settings that an asset is about to be made with, unless they are those recorded last."""
    partition, version = context.partition_key, data_version(asset, experiment)
    if latest_data_versions(context.instance, asset).get(partition) != version:
        context.instance.report_runless_asset_event(observation(partition, asset, version))
        # Dagster has read by now what the asset depends on: it shall know this too.
        context.get_step_execution_context().fetch_external_input_asset_version_info()

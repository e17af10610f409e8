"""The IO manager of our assets: stores a reference to a version, loads a lazy handle on it. Rows never pass through it.

The reference is the experiment's pointer in the store, so what the command line makes is seen here and the reverse. It
has a key of its own, so that other assets keep whatever IO manager they have.
"""

from collections.abc import Mapping

import dagster as dg

from mlpo_core.chain.experiments import find, skipped
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store, VersionRef
from pipelines.errors import as_failure

KEY = "versions"
"""Resource key: what an asset of somebody else's names as `input_manager_key` to load ours."""


class VersionRefIOManager(dg.IOManager):
    """Passes `VersionRef`s by pointer; None stands for an asset that is not part of the experiment."""

    def handle_output(self, context: dg.OutputContext, obj: VersionRef | None) -> None:
        """Point the partition at a version, or at none."""
        if obj is None:
            Store().unpoint(context.partition_key, context.asset_key.to_user_string())
        else:
            Store().point(context.partition_key, obj)

    def load_input(self, context: dg.InputContext) -> Dataset | Mapping[str, Dataset] | None:
        """A lazy handle (`.schema`, `.count()`, `.batches()`), or None where the asset is not part of the experiment.

        An asset that has no partitions gets all experiments, also in a run of one: the handles of those that have a
        version, by name.

        Raises:
            Failure: The asset has not been materialized for this partition.
        """
        asset = context.asset_key.to_user_string()
        with as_failure():
            if context.step_context.entity_partitions_def:
                return load(asset, context.asset_partition_key)
            store = Store()
            pointed = {partition: store.pointed(partition, asset) for partition in context.asset_partition_keys}
            return {partition: Dataset(ref) for partition, ref in pointed.items() if ref}


def load(asset: str, partition: str) -> Dataset | None:
    """The version of an asset that an experiment uses; None where the asset is not part of the experiment.

    Raises:
        BadInput: It has not been made.
    """
    if (ref := Store().pointed(partition, asset)) is not None:
        return Dataset(ref)
    if not skipped(asset, find(partition)):
        raise BadInput(f"{asset} has not been made for experiment {partition}: materialize it first")
    return None

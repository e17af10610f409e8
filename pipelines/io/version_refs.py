"""The one IO manager: stores a reference to a version, loads a lazy handle on it. Rows never pass through Dagster.

The reference is the experiment's pointer in the store, so what the command line makes is seen here and the reverse.
"""

import dagster as dg

from mlpo_core.chain.experiments import find, skipped
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store, VersionRef
from pipelines.errors import as_failure


class VersionRefIOManager(dg.IOManager):
    """Passes `VersionRef`s by pointer; None stands for an asset that is not part of the experiment."""

    def handle_output(self, context: dg.OutputContext, obj: VersionRef | None) -> None:
        """Point the partition at a version, or at none."""
        if obj is None:
            Store().unpoint(context.partition_key, context.asset_key.to_user_string())
        else:
            Store().point(context.partition_key, obj)

    def load_input(self, context: dg.InputContext) -> Dataset | None:
        """A lazy handle (`.schema`, `.count()`, `.batches()`), or None where the asset is not part of the experiment.

        Raises:
            Failure: The asset has not been materialized for this partition.
        """
        partition, asset = context.asset_partition_key, context.asset_key.to_user_string()
        with as_failure():
            ref = Store().pointed(partition, asset)
            if ref is not None:
                return Dataset(ref)
            if not skipped(asset, find(partition)):
                raise BadInput(f"{asset} has not been made for experiment {partition}: materialize it first")
        return None

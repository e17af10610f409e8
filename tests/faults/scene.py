"""Where kills happen: a store that holds a stage's inputs and nothing after them, copied from an undisturbed chain."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from mlpo_core.chain.experiments import find
from mlpo_core.chain.spec import versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.store import Dataset, Store, VersionRef
from pipelines.definitions import defs
from pipelines.partitions import register

PARTITION = "faults"


class Scene:
    """An undisturbed chain in `<folder>/golden`, and a root, `<folder>/root` or remote, where stages are killed."""

    def __init__(self, folder: Path, root: str | None = None) -> None:
        self.folder = folder
        self.golden_store = Store(str(folder / "golden"))
        self.store = Store(root or str(folder / "root"))
        self.golden: dict[str, VersionRef] = {}

    def seconds(self, stage: str) -> float:
        """How long the undisturbed phase took, start-up included, roughly."""
        return Dataset(self.golden[stage]).manifest.seconds + 1.5

    @property
    def environment(self) -> dict[str, str]:
        """For processes that work here. FAULTS_ROOT is how what is left of them is found."""
        return {**os.environ, "MLPO_ROOT": self.store.root, "FAULTS_ROOT": self.store.root, "OMP_NUM_THREADS": "1"}

    def build(self, instance: dg.DagsterInstance, stages: list[str]) -> None:
        """Make the undisturbed chain, as far as it is not there."""
        register(instance)
        result = materialize(instance, self.golden_store.root, stages)
        assert result.success, "the undisturbed chain failed; its log is above"
        self.golden = dict(versions(find(PARTITION), self.golden_store))

    def set(self, stage: str) -> None:
        """Empty the store but for what comes before `stage`."""
        self.store.folder.remove()
        for upstream in STAGES:
            if upstream == stage:
                return
            if ref := self.golden.get(upstream):
                self._copy(upstream, ref.key)
                copy = self.store.find(upstream, ref.key)
                assert copy is not None
                self.store.point(PARTITION, copy)

    def _copy(self, asset: str, key: str) -> None:
        source, target = (s.folder.join(asset, key) for s in (self.golden_store, self.store))
        if target.is_local:
            shutil.copytree(source.path(), target.path(), copy_function=os.link)
            return
        for name in source.names():
            target.upload(name, Path(source.path(name)))


def materialize(instance: dg.DagsterInstance, root: str, stages: list[str]) -> dg.ExecuteInProcessResult:
    """Materialize stages of the experiment in this process; the phases are processes of their own, as ever.

    Raises:
        KeyboardInterrupt: This process got SIGTERM meanwhile, which Dagster takes for itself.
    """
    mine: Mapping[str, str] = {"MLPO_ROOT": root, "FAULTS_ROOT": root}
    before = dict(os.environ)
    os.environ.update(mine)
    try:
        result = defs.resolve_job_def("experiment_chain").execute_in_process(
            instance=instance,
            partition_key=PARTITION,
            asset_selection=[dg.AssetKey(s) for s in stages],
            run_config={"loggers": {"progress": {}}},
            raise_on_error=False,
        )
    finally:
        os.environ.clear()
        os.environ.update(before)
    errors = [event.step_failure_data.error for event in result.get_step_failure_events()]
    if any(error and error.cls_name == "DagsterExecutionInterruptedError" for error in errors):
        raise KeyboardInterrupt  # this process was asked to end: that is no damage
    return result


def slots_held(instance: dg.DagsterInstance) -> int:
    """Pool slots that are taken or waited for."""
    storage = instance.event_log_storage
    infos = [storage.get_concurrency_info(limit.name) for limit in storage.get_pool_limits()]
    return sum(len(info.claimed_slots) + len(info.pending_steps) for info in infos)

"""Trains in several processes all over a Ray cluster: a Ray Train job whose workers run the same phase.

Ray Train starts the workers, one per GPU, and joins them in a process group; each then makes the phase as under
torchrun. The root must be reachable from every node: `s3://…`, or a folder that all of them mount.
"""

import tempfile
from typing import Any

from mlpo_core.errors import BadInput, Transient
from mlpo_core.launching.phase import Phase, wanted_processes
from mlpo_core.launching.ray_cluster import connect, in_worker
from mlpo_core.progress import log

_BEGINNINGS = 4
"""How often the job is begun, the first time included: each goes on from the last checkpoint at hand."""


def train(phase: Phase) -> None:
    """Run a phase in several processes of a Ray cluster; by default one per GPU, one per node without GPUs.

    Raises:
        BadInput: What a process refused, or the number of processes is none.
        Transient: What a process said may go better later.
    """
    ray = connect()
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.train.v2.api.exceptions import WorkerGroupError

    gpus = int(ray.cluster_resources().get("GPU", 0))
    processes = wanted_processes(gpus or sum(node["Alive"] for node in ray.nodes()))
    log(f"{phase.asset}: training in {processes} processes on a Ray cluster")
    for beginning in range(1, _BEGINNINGS + 1):
        with tempfile.TemporaryDirectory(prefix="mlpo-ray-") as folder:
            trainer = TorchTrainer(
                _phase,
                train_loop_config=phase._asdict(),
                scaling_config=ScalingConfig(num_workers=processes, use_gpu=gpus > 0),
                run_config=RunConfig(storage_path=folder),  # Ray's own bookkeeping; checkpoints are the phase's
            )
            try:
                trainer.fit()
                return
            except WorkerGroupError as error:
                _raise_own(error)
                if beginning == _BEGINNINGS:
                    raise
                log(f"{phase.asset}: workers were lost; beginning again")


def _raise_own(error: Any) -> None:
    """Raise what the phase itself raised; return when a worker was lost, whatever that did to the others."""
    own = [getattr(failure, "_base_exc", None) for failure in error.worker_failures.values()]
    for exception in own:
        if isinstance(exception, BadInput | Transient):
            raise exception from error
    if all(own):
        raise error


def _phase(config: dict[str, Any]) -> None:
    """What every worker runs."""
    in_worker()
    config["run"](config["spec"])

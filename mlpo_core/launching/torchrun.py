"""Trains in several processes of this machine: `torchrun … -m mlpo_core run --spec FILE`.

On several machines start torchrun yourself with the same command on each: a phase that finds itself in a process group
joins it (`RANK` is set). Its other options can be set here too, through its own `PET_…` variables.
"""

import tempfile
from pathlib import Path

from mlpo_core.errors import BadInput, Transient
from mlpo_core.launching.phase import Phase, wanted_processes
from mlpo_core.progress import log

_ADVICE = "its message is above, in this phase's stderr"


def train(phase: Phase) -> None:
    """Run a phase in several processes of this machine; by default one per GPU, one without a GPU.

    Raises:
        BadInput: What a process refused, or the number of processes is none.
        Transient: What a process said may go better later.
    """
    import torch
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    processes = wanted_processes(max(1, torch.cuda.device_count()))
    log(f"{phase.asset}: training in {processes} processes")
    with tempfile.TemporaryDirectory(prefix="mlpo-") as folder:
        file = Path(folder) / "spec.json"
        file.write_text(phase.spec)
        command = ["-m", "mlpo_core", "run", "--spec", str(file)]
        options = ["--nproc-per-node", str(processes), "--log-dir", folder]
        try:
            torchrun.run(torchrun.parse_args([*options, *command]))
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode == 2:
                raise BadInput(f"{phase.asset}: training process {rank} refused its input; {_ADVICE}") from error
            if failure.exitcode == 75:
                raise Transient(f"{phase.asset}: training process {rank} failed for now; {_ADVICE}") from error
            raise RuntimeError(
                f"{phase.asset}: training process {rank} ended with {failure.exitcode}; {_ADVICE}"
            ) from error

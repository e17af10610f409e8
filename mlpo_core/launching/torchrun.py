"""Trains in several processes of this machine: `torchrun … -m mlpo_core run --spec FILE`.

On several machines start torchrun yourself with the same command on each: a phase that finds itself in a process group
joins it (`RANK` is set). Its other options can be set here too, through its own `PET_…` variables.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from mlpo_core.errors import BadInput, Transient
from mlpo_core.launching import wanted_processes
from mlpo_core.progress import log

_ADVICE = "its message is above, in this phase's stderr"


def train(spec: Any) -> None:
    """See `mlpo_core.launching.train`; by default one process per GPU, one without a GPU."""
    processes = wanted_processes(max(1, torch.cuda.device_count()))
    log(f"{spec.asset}: training in {processes} processes")
    with tempfile.TemporaryDirectory(prefix="mlpo-") as folder:
        file = Path(folder) / "spec.json"
        file.write_text(spec.model_dump_json())
        command = ["-m", "mlpo_core", "run", "--spec", str(file)]
        options = ["--nproc-per-node", str(processes), "--log-dir", folder]
        try:
            torchrun.run(torchrun.parse_args([*options, *command]))
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode == 2:
                raise BadInput(f"{spec.asset}: training process {rank} refused its input; {_ADVICE}") from error
            if failure.exitcode == 75:
                raise Transient(f"{spec.asset}: training process {rank} failed for now; {_ADVICE}") from error
            raise RuntimeError(
                f"{spec.asset}: training process {rank} ended with {failure.exitcode}; {_ADVICE}"
            ) from error

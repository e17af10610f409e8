"""Where a phase's work is done when one process is not enough: torchrun on this machine, or Ray on a cluster."""

import os
from typing import Any

from mlpo_core.errors import BadInput

PROCESSES = "MLPO_PROCESSES"
"""How many processes train together: a matter of the machine, so not of the experiment. By default one per GPU."""


def train(spec: Any) -> None:
    """Run a training phase (`mlpo_core.run.Spec`) in several processes, as its experiment's `launcher` says.

    Raises:
        BadInput: What a process refused, or the number of processes is none.
        Transient: What a process said may go better later.
    """
    if spec.experiment.launcher == "ray":
        from mlpo_core.launching.ray_training import train
    else:
        from mlpo_core.launching.torchrun import train
    train(spec)


def wanted_processes(otherwise: int) -> int:
    """How many processes train: `$MLPO_PROCESSES`, or `otherwise`."""
    given = os.environ.get(PROCESSES, "")
    if not given:
        return otherwise
    if not given.isdigit() or int(given) < 1:
        raise BadInput(f"{PROCESSES}={given}: expected the number of training processes, 1 or more")
    return int(given)

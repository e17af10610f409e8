"""Refuses a stage at its start whose models this machine's GPUs cannot hold, before anything is loaded or asked for."""

import os

from mlpo_core.chain.holding import holds_model
from mlpo_core.chain.lengths import lengths_of, longest_prompt
from mlpo_core.chain.memory import GIGA, gigabytes, needs, problem
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.launching.group import process_count
from mlpo_core.progress import log

GPU_MEMORY = "MLPO_GPU_MEMORY"
"""Memory that a stage may count on, as `96GB`, where that is not what the device says."""
_MARGIN = 1.15
"""An estimate may be wrong by so much: what exceeds the GPU by less is tried."""


def check_room(asset: str, experiment: Experiment) -> None:
    """Hold the estimate of a stage against the GPU here. Where there is none, or a model's size is unknown: nothing.

    Raises:
        BadInput: It needs clearly more than the GPU has; names the settings that would mend it.
    """
    if not holds_model(asset, experiment):
        return
    processes, memory = process_count(), _memory()
    if memory is None or (experiment.launcher == "ray" and processes == 1):  # Ray's workers have GPUs of their own
        return
    if processes > 1 and experiment.launcher == "local":
        experiment = experiment.model_copy(update={"launcher": "torchrun"})  # somebody started it so
    try:
        longest = longest_prompt(experiment, lengths_of(experiment)) if experiment.leader else 0
        wanted = [need for need in needs(experiment, processes, memory, longest) if need.stage == asset]
    except BadInput as error:
        log(f"{asset}: how much memory it needs is not known before it starts: {error}")
        return
    for need in wanted:
        if need.total > _MARGIN * memory:
            raise BadInput(
                f"{problem(need, memory)}. See mlpo plan; where the estimate is wrong, {GPU_MEMORY}="
                f"{need.total / GIGA:.0f}GB starts it all the same"
            )


def _memory() -> float | None:
    """Bytes of this process's GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    if given := os.environ.get(GPU_MEMORY, ""):
        return gigabytes(GPU_MEMORY, given)
    return float(torch.cuda.get_device_properties(0).total_memory)

"""Sharded training in every process of `torchrun --nproc_per_node 2 -m tests.core.training.sharded ROOT [STEP]`.

SFT, then MLPO with given completions, below `ROOT`; after STEP steps of MLPO the second process kills itself.
"""

import os
import signal
import sys
from typing import Any

from accelerate import PartialState
from torch.distributed.tensor import DTensor

from mlpo_core.training import fit, grpo, leader, mlpo, sft
from tests.core.training import small, two_processes

SECTIONS = {"mlpo": {"prompts_per_step": 4, "group_size": two_processes.GROUP, "micro_batch_size": two_processes.GROUP}}


def kill_after(step: int) -> None:
    """Rides on a callback that every training has."""

    class Kill(fit.StopOnBadGradient):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if PartialState().process_index == 1 and state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)

    fit.StopOnBadGradient = Kill


def watch() -> None:
    """Only the first process may read weights, and what is trained must be in shards."""
    load, fitted = leader.load, fit.fit

    def loaded(*arguments: Any) -> Any:
        found = load(*arguments)
        read = any(bool(p.any()) for p in found.model.parameters())
        assert read == PartialState().is_main_process, "weights were read by a process that needs none"
        return found

    def seen(trainer: Any, *arguments: Any) -> Any:
        table = fitted(trainer, *arguments)
        sharded = [p for p in trainer.model.parameters() if isinstance(p, DTensor)]
        assert len(sharded) == len([*trainer.model.parameters()])
        return table

    leader.load = loaded
    sft.fit = grpo.fit = seen


def main(root: str, kill: int | None) -> None:
    """Run both stages in every process."""
    inputs = small.Inputs(root)
    for name in ("base_models", "sft_dataset", "mlpo_dataset"):
        ref = inputs.store.find(name, "input")
        assert ref
        inputs.refs[name] = ref
    small.grade_by_letters()
    two_processes.give_completions()
    watch()
    experiment = small.experiment(launcher="torchrun", sharding="fsdp2", **SECTIONS)
    if kill is not None:
        sft.run(inputs.context("sft_leader", experiment))
        kill_after(kill)
    mlpo.run(inputs.context("mlpo_leader", experiment))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)

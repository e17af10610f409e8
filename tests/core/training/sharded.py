"""Two processes that train sharded, forked from one that has imported what they need."""

import os
import signal
from multiprocessing import get_context
from typing import Any

import pytest
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput
from mlpo_core.training import fit, grpo, leader, mlpo, sft
from mlpo_core.training.guard import StopOnBadGradient
from mlpo_core.training.rollouts import sample
from mlpo_core.training.sharding import whole
from tests.core.training import small, two_processes
from tests.support import free_port

SECTIONS = {
    "sft": {"steps": 2, "gradient_checkpointing": True},
    "mlpo": {
        "steps": 4,
        "gradient_checkpointing": True,
        "prompts_per_step": 4,
        "group_size": two_processes.GROUP,
        "micro_batch_size": two_processes.GROUP,
    },
}


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
        trainer.add_callback(OnTheWay())
        return fitted(trainer, *arguments)

    leader.load = loaded
    sft.fit = grpo.fit = seen


class OnTheWay(TrainerCallback):
    """Training goes on after processes have generated, each as long as it likes. All weights are in shards, and every
    process stops for a gradient of NaN in what the second one holds."""

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step == 1:
            rank = PartialState().process_index
            with whole(model):
                written = sample(model, [[7, 8, 9]], Sampling(1.0, 1.0, 4 + 3 * rank), [1], (1, 2))
            first, second = gather_object([written[0]])
            assert first and first == second[: len(first)], (first, second)

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        assert all(isinstance(p, DTensor) for p in model.parameters())
        model.zero_grad()
        weight = next(p for p in model.parameters() if p.requires_grad)
        weight.grad = torch.zeros_like(weight)
        if PartialState().process_index == 1:
            weight.grad.to_local().fill_(torch.nan)
        with pytest.raises(BadInput, match="gradient is not finite"):
            StopOnBadGradient(lambda _: ["row"]).on_pre_optimizer_step(args, state, control, model=model)


def train(rank: int, root: str, port: int, kill: int | None) -> None:
    """What a process of the group runs: with `kill` only MLPO, in which the second kills itself after so many steps."""
    group = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in group.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", ACCELERATE_USE_CPU="true")
    torch.set_num_threads(1)
    inputs = small.Inputs(root)
    for name in ("base_models", "sft_dataset", "mlpo_dataset"):
        ref = inputs.store.find(name, "input")
        assert ref
        inputs.refs[name] = ref
    small.grade_by_letters()
    two_processes.give_completions()
    watch()
    experiment = small.experiment(launcher="torchrun", sharding="fsdp2", **SECTIONS)
    if kill is None:
        sft.run(inputs.context("sft_leader", experiment))
    else:
        kill_after(kill)
    mlpo.run(inputs.context("mlpo_leader", experiment))


def together(root: str, kill: int | None = None) -> list[int | None]:
    """Exit codes of both processes; as torchrun does, the first is ended when the second has died."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    port = free_port()
    processes = [context.Process(target=train, args=(rank, root, port, kill)) for rank in range(2)]
    for process in processes:
        process.start()
    processes[1].join()
    if processes[1].exitcode:
        processes[0].kill()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]

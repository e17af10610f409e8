"""`sharding: fsdp2`: weights, gradients and optimizer states are divided among the processes that train together.

FSDP2 as accelerate and transformers' `Trainer` set it up. One process of a machine reads the weights, the others get
theirs from the first. A checkpoint is whole and written by the first process, so that it can be kept in the store.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy
from transformers import Trainer

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.launching.group import process_count
from mlpo_core.progress import log

_READ_BY = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
}
"""What transformers looks for when it loads a model, and accelerate when it opens the processes' group."""


def begin(ctx: Context, lora_rank: int) -> None:
    """Call before a model that will be trained is loaded: it is then read by one process of each machine.

    Raises:
        BadInput: What `refuse` says.
    """
    if ctx.sharding == "none":
        return
    if process_count() == 1:
        log(f"{ctx.writer.asset}: sharding needs several processes, and this is one: nothing is sharded")
        return
    refuse(ctx, lora_rank)
    os.environ.update(_READ_BY)
    PartialState(cpu=not torch.cuda.is_available())


def refuse(ctx: Context, lora_rank: int, beta: float = 0.0) -> None:
    """Say what does not go together with sharded weights, before they are loaded.

    Raises:
        BadInput: There is an adapter, or a reference model.
    """
    if ctx.sharding == "none" or process_count() == 1:
        return
    if lora_rank:
        raise BadInput(
            "lora.rank: an adapter is merged into whole weights, which sharding: fsdp2 does not have, and seldom needs "
            "it, since what is frozen is bfloat16 without an optimizer: set sharding: none, or lora: {rank: 0}"
        )
    if beta:
        raise BadInput(
            "beta: the KL term reads a reference model, which every process would hold whole: with sharding: fsdp2 set "
            "beta to 0"
        )


def is_on() -> bool:
    """Whether what is trained in this process is sharded."""
    return os.environ.get("ACCELERATE_USE_FSDP") == "true"


def options(checkpointing: bool) -> dict[str, Any]:
    """Arguments of a TRL trainer for what `begin` has found.

    Args:
        checkpointing: Whether layers run a second time in the backward pass instead of keeping their activations.
    """
    if not is_on():
        return {"gradient_checkpointing": checkpointing}
    config = {
        "version": 2,
        "state_dict_type": "FULL_STATE_DICT",
        "cpu_ram_efficient_loading": True,
        "activation_checkpointing": checkpointing,  # the trainer's own would gather every layer once more
    }
    return {"gradient_checkpointing": False, "fsdp": True, "fsdp_config": config}


class Sharded(Trainer):
    """A trainer that can run sharded, on a CPU too."""

    def create_accelerator_and_postprocess(self) -> None:
        """Transformers' own."""
        if plugin := cast(dict[str, Any] | None, self.args.fsdp_plugin_args):
            if self.args.bf16:
                # accelerate's policy would add gradients up, and give log-probabilities back, in bfloat16
                plugin["mixed_precision_policy"] = MixedPrecisionPolicy(torch.bfloat16, torch.float32)
            if self.args.device.type == "cpu":
                # accelerate shards on the devices of a list in which the CPU is not, though it can; what it takes this
                # for now it calls FSDP in its next line
                PartialState().distributed_type = DistributedType.MULTI_GPU
        super().create_accelerator_and_postprocess()


def without_cache(model: Any) -> None:
    """Let a model keep no keys and values unless it is told to: a layer that FSDP runs a second time writes twice."""
    model.register_forward_pre_hook(_uses_no_cache, with_kwargs=True)


def _uses_no_cache(_: Any, given: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return given, {"use_cache": False, **options}


@contextmanager
def whole(model: Any) -> Generator[None]:
    """Let every process hold all weights of a model, to generate with them; all must enter.

    They are gathered once, in the precision of the arithmetic, and generating then waits for no other process. A model
    that is not sharded is left alone.
    """
    parts = [module for module in model.modules() if isinstance(module, FSDPModule)]
    let_go = [part for part in parts if _lets_go(part)]
    for part in let_go:
        part.set_reshard_after_forward(False, recurse=False)
    for part in parts:
        part.unshard()
    try:
        yield
    finally:
        for part in let_go:
            part.set_reshard_after_forward(True, recurse=False)
        for part in parts:
            part.reshard()


def _lets_go(part: FSDPModule) -> bool:
    """Whether a part forgets the weights of others after its forward pass."""
    groups = part._get_fsdp_state()._fsdp_param_groups  # pyright: ignore[reportPrivateUsage]
    return any(group.post_forward_mesh_info is not None for group in groups)

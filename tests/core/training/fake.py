"""Training steps of a model as large as those that labs train, on tensors that have shapes and no data.

Weights, activations, gradients and optimizer states are fake; what is computed from token ids alone (masks, lengths) is
real, so that code which asks for a number gets one. A number that depends on a fake tensor is 1.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import Qwen2Config, Qwen2ForCausalLM
from trl.kernels import chunked_logprob
from trl.trainer.utils import add_fused_lm_head

from mlpo_core.training import prefix_shared
from mlpo_core.training.leader import lora

_SMALL = 1 << 14
_WHOLE_NUMBERS = (torch.long, torch.int, torch.bool)


class Fake(TorchDispatchMode):
    """Operations on a fake tensor give fake tensors, and large tensors that are made of nothing are fake."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if DTensor in types:
            return NotImplemented
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if func is torch.ops.aten._local_scalar_dense.default and isinstance(tensors[0], FakeTensor):
            return torch.ones((), dtype=tensors[0].dtype).item()
        if not tensors and kwargs.get("dtype") not in _WHOLE_NUMBERS and _size(args) > _SMALL:
            with self.mode:
                return func(*args, **kwargs)
        return func(*args, **kwargs)


def _size(args: Any) -> int:
    shape = args[0] if args and isinstance(args[0], list | tuple) else ()
    return math.prod(n for n in shape if isinstance(n, int)) if shape else 0


class Tracker(MemTracker):
    """PyTorch's, which hangs a hook on every weight, that frozen ones do not take."""

    def _track_module_params_and_buffers(self, module: Any, install_grad_hooks: bool = True) -> tuple[int, int]:
        trained = all(p.requires_grad for p in module.parameters())
        return super()._track_module_params_and_buffers(module, install_grad_hooks and trained)

    def forget(self) -> None:
        """Begin to look for the highest total anew."""
        self._peak_mem = {}
        self.reset_mod_stats()

    @property
    def peak(self) -> int:
        """The highest total, in bytes."""
        return max(self._peak_mem.values())


def as_triton_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL's output head works in place on CUDA; elsewhere it copies every tile several times, which is not measured."""
    for name in ("_forward_tile", "_backward_tile", "_addmm_fp32"):
        monkeypatch.setattr(chunked_logprob, name, lambda *_, **__: None)


def qwen(layers: int, rank: int = 0, checkpointing: bool = False) -> Any:
    """Qwen2.5-7B with so many layers, on the meta device, as the leader's trainers set it up."""
    config = Qwen2Config(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=layers,
        num_attention_heads=28,
        num_key_value_heads=4,
        max_position_embeddings=32768,
        tie_word_embeddings=False,
    )
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model: Any = Qwen2ForCausalLM(config)
        if rank:
            model = model.to(torch.bfloat16)
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
        prefix_shared.enable(model)
        if rank:
            from peft import get_peft_model

            model = get_peft_model(model, lora(rank))
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if rank:
            model.enable_input_require_grads()
    return model.train()

"""Training steps of a model as large as those that labs train, on tensors that have shapes and no data.

Weights, activations, gradients and optimizer states are fake; what is computed from token ids alone (masks, lengths) is
real, so that code which asks for a number gets one. A number that depends on a fake tensor is 1.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._guards import active_fake_mode
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import Qwen2Config, Qwen2ForCausalLM
from trl.kernels import chunked_logprob
from trl.trainer.utils import add_fused_lm_head

from mlpo_core.experiment import LoRA
from mlpo_core.training import prefix_shared
from mlpo_core.training.leader import adapter
from mlpo_core.training.prefix_attention import PrefixLayout

_SMALL = 32
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
        inner = active_fake_mode()  # of a sharding that is worked out
        if inner is None and not tensors and kwargs.get("dtype") not in _WHOLE_NUMBERS and _size(args) > _SMALL:
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

    def scored(_tile: Any, _stride: Any, _targets: Any, highest: Tensor, total: Tensor, *_: Any, **__: Any) -> None:
        highest.zero_()
        total.fill_(1.0)

    monkeypatch.setattr(chunked_logprob, "_forward_tile", scored)
    for name in ("_backward_tile", "_addmm_fp32"):
        monkeypatch.setattr(chunked_logprob, name, lambda *_, **__: None)


def qwen(layers: int, rank: int = 0, checkpointing: bool = False, bare: bool = False) -> Any:
    """Qwen2.5-7B with so many layers, on the meta device: as the leader's trainers set it up, or as it is loaded."""
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
        if bare:
            return model
        if rank:
            model = model.to(torch.bfloat16)
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
        prefix_shared.enable(model)
        if rank:
            from peft import get_peft_model

            model = get_peft_model(model, adapter(LoRA(rank=rank)))
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if rank:
            model.enable_input_require_grads()
    return model.train()


def sharded(model: Any, shards: int) -> Any:
    """The model under FSDP2 in a group of so many processes of which there is one, as accelerate wraps it."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = torch.distributed.init_device_mesh("cpu", (shards,))
    precision = MixedPrecisionPolicy(torch.bfloat16, torch.float32)
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    for layer in base.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=precision)
    return fully_shard(model, mesh=mesh, mp_policy=precision)


def grouped(model: Any, prompt: int, group: int, completion: int) -> Any:
    """The loss of a group whose completions share one copy of their prompt."""
    ids = torch.ones((1, prompt + group * completion), dtype=torch.long)
    after = torch.arange(prompt, prompt + completion).repeat(group)
    output = model(
        input_ids=ids,
        position_ids=torch.cat([torch.arange(prompt), after])[None],
        attention_mask=ids.new_zeros((1, 1, 1, 1)),
        prefix_layout=PrefixLayout(prompt, group, completion, None),
        shift_labels=torch.ones((group, completion), dtype=torch.long),
        fused_lm_head=True,
    )
    return output.log_probs.mean()


def rows(model: Any, prompt: int, group: int, completion: int) -> Any:
    """The loss of rows that each have their own prompt, one of them padded."""
    ids = torch.ones((group, prompt + completion), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, 0] = 0
    return model(input_ids=ids, attention_mask=mask, labels=ids, fused_lm_head=True).log_probs.mean()


def peak(model: Any, loss: Callable[[Any], Any]) -> int:
    """The most bytes during forward, backward and step of a model that has gradients and optimizer states already."""
    fake = Fake()
    with fake.mode:
        model = model.to_empty(device="cpu")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6, foreach=False)
    tracker = Tracker()
    tracker.track_external(model, optimizer)
    with fake, tracker:
        for parameter in trained:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        tracker.forget()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(model)
        value.backward()
        return tracker.peak

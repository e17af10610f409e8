"""Merging an adapter for every rollout must leave the frozen weights as they were loaded."""

from contextlib import nullcontext
from types import SimpleNamespace

import torch
from peft import get_peft_model
from trl.generation.vllm_generation import VLLMGeneration

from mlpo_core.experiment import LoRA
from mlpo_core.training import adapters
from mlpo_core.training.leader import adapter
from tests.core.training import small
from tests.core.training.test_leader_trainer import Ours, trainer

MERGES = 50


def adapted():
    """A bfloat16 base under an adapter that changes something."""
    model = get_peft_model(small.small_model("qwen3", 50).to(torch.bfloat16), adapter(LoRA(rank=4)))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def base_of(model):
    return {n: p.detach().clone() for n, p in model.named_parameters() if not p.requires_grad}


def given_to_vllm(model):
    """What TRL hands over at one synchronisation, by TRL's own code."""
    backend = SimpleNamespace(
        model=model,
        _dist=SimpleNamespace(gather_params=lambda _: nullcontext(), is_fsdp=False),
        _fix_param_name_to_vllm=lambda name, **_: name,
    )
    return {name: weight.clone() for name, weight in VLLMGeneration._iter_named_params(backend)}


def test_fifty_merges_leave_the_base_bit_equal_and_hand_over_the_same_weights():
    model = adapted()
    before = base_of(model)
    adapters.protect_base(model)
    handed = [given_to_vllm(model) for _ in range(MERGES)]
    after = base_of(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(handed[0][name], handed[-1][name]) for name in handed[0])
    name = "model.layers.0.self_attn.q_proj"
    layer = model.get_submodule(f"base_model.model.{name}")
    delta = layer.get_delta_weight("default")
    assert delta.norm() > 0
    expected = (layer.base_layer.weight.float() + delta).to(torch.bfloat16)
    assert torch.equal(handed[0][f"{name}.weight"], expected)


def test_peft_alone_would_have_moved_it():
    model = adapted()
    before = base_of(model)
    for _ in range(MERGES):
        given_to_vllm(model)
    after = base_of(model)
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_an_adapter_trains_on_after_a_merge_as_if_there_had_been_none():
    ids = torch.randint(3, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    gradients = []
    for merges in (0, 3):
        model = adapted()
        adapters.protect_base(model)
        for _ in range(merges):
            given_to_vllm(model)
        model(input_ids=ids, labels=ids).loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def test_the_trainer_protects_its_base(tmp_path):
    made = trainer(Ours, tmp_path, rank=4, steps=1)
    made.model.base_model.model.to(torch.bfloat16)
    for name, parameter in made.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    before = base_of(made.model)
    for _ in range(MERGES):
        given_to_vllm(made.model)
    after = base_of(made.model)
    assert all(torch.equal(before[name], after[name]) for name in before)

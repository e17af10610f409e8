import pytest
import torch
from trl.trainer.utils import add_fused_lm_head

from mlpo_core.experiment import LoRA
from mlpo_core.training import prefix_shared
from tests.core.training import small

GROUP = 4
VOCABULARY = 50


def plain(model, ids, mask, completion):
    """What stock TRL computes (`GRPOTrainer._get_per_token_logps_and_entropies`)."""
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-completion] = -100
    outputs = model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
    return prefix_shared.Scored(outputs.log_probs[:, -completion:], outputs.entropy[:, -completion:])


def batch(prompts, completions, width=None, completion_width=None, group=GROUP, seed=0):
    """Rows of whole groups: prompts of the given lengths on the left, completions of the given lengths on the right."""
    generator = torch.Generator().manual_seed(seed)
    width, completion_width = width or max(prompts), completion_width or max(completions)
    ids = torch.zeros((len(prompts) * group, width + completion_width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, length in enumerate(prompts):
        rows = slice(number * group, (number + 1) * group)
        ids[rows, width - length : width] = torch.randint(3, VOCABULARY, (length,), generator=generator)
        mask[rows, width - length : width] = 1
    for row in range(len(ids)):
        length = completions[row % len(completions)]
        ids[row, width : width + length] = torch.randint(3, VOCABULARY, (length,), generator=generator)
        mask[row, width : width + length] = 1
    return ids, mask, completion_width


BATCHES = {
    "one group, no padding": batch([11], [6]),
    "completions of many lengths": batch([11], [6, 1, 4, 3]),
    "prompts of many lengths": batch([11, 3, 7], [6]),
    "padding wider than needed": batch([9, 5], [5, 2, 6], width=14, completion_width=9),
    "a completion of one token": batch([8, 8], [1]),
    "a prompt of one token": batch([1, 6], [3, 5]),
}


def make(family, **options):
    model = small.small_model(family, VOCABULARY, **options)
    add_fused_lm_head(model, temperature=0.7, outputs=("log_probs", "entropy"))
    return model


def both(model, ids, mask, completion):
    """(log-probabilities, entropies, gradients) of the plain path and of the shared one."""
    weights = torch.cos(torch.arange(float(len(ids) * completion))).view(len(ids), completion)
    found = []
    for path in (plain, prefix_shared.score):
        if path is prefix_shared.score:
            prefix_shared.enable(model)
        scored = path(model, ids, mask, completion) if path is plain else path(model, ids, mask, completion, GROUP)
        parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        loss = (scored.log_probs * weights).sum()
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        found.append((scored.log_probs, scored.entropy, dict(zip(parameters, gradients, strict=True))))
    return found


def assert_same(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one[1], other[1], rtol=1e-5, atol=1e-5)
    for name, expected in one[2].items():
        if expected is None:
            assert other[2][name] is None
            continue
        assert expected.norm() > 0, name
        difference = (expected - other[2][name]).norm() / expected.norm()
        assert difference < 1e-5, f"{name}: {difference:.1e}"


@pytest.mark.parametrize("family", small.ALL)
@pytest.mark.parametrize("which", BATCHES)
def test_log_probabilities_entropies_and_gradients_are_those_of_the_plain_path(family, which):
    assert_same(*both(make(family), *BATCHES[which]))


@pytest.mark.parametrize("which", BATCHES)
@pytest.mark.parametrize("window", [4, 7, 100])
def test_sliding_windows(which, window):
    options = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": window}
    assert_same(*both(make("gemma2", **options), *BATCHES[which]))


@pytest.mark.parametrize("which", BATCHES)
@pytest.mark.parametrize("window", [5, 100])
def test_soft_capped_attention(which, window):
    model = make("gemma2", attn_logit_softcapping=2.0, sliding_window=window)
    model.config._attn_implementation = "eager"
    assert_same(*both(model, *BATCHES[which]))


def test_soft_capping_matters_in_that_test():
    ids, mask, completion = BATCHES["one group, no padding"]
    capped, free = make("gemma2", attn_logit_softcapping=2.0), make("gemma2", attn_logit_softcapping=None)
    for model in (capped, free):
        model.config._attn_implementation = "eager"
    assert (
        plain(capped, ids, mask, completion).log_probs - plain(free, ids, mask, completion).log_probs
    ).abs().max() > 0.01


@pytest.mark.parametrize("key_heads", [1, 2, 4])
def test_any_number_of_key_heads(key_heads):
    assert_same(*both(make("llama", num_key_value_heads=key_heads), *BATCHES["prompts of many lengths"]))


@pytest.mark.parametrize("family", small.ALL)
def test_gradient_checkpointing(family):
    model = make(family)
    model.train()
    model.gradient_checkpointing_enable()
    assert_same(*both(model, *BATCHES["prompts of many lengths"]))


@pytest.mark.parametrize("family", small.ALL)
@pytest.mark.parametrize("path", ["plain", "shared"])
def test_gradients_are_the_same_with_and_without_checkpointing(family, path):
    ids, mask, completion = BATCHES["prompts of many lengths"]
    model = make(family)
    model.train()
    prefix_shared.enable(model)
    found = []
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        rest = () if path == "plain" else (GROUP,)
        scored = {"plain": plain, "shared": prefix_shared.score}[path](model, ids, mask, completion, *rest)
        parameters = dict(model.named_parameters())
        slope = torch.cos(torch.arange(float(scored.log_probs.numel()))).view_as(scored.log_probs)
        gradients = torch.autograd.grad((scored.log_probs * slope).sum(), list(parameters.values()), allow_unused=True)
        found.append((scored.log_probs, scored.entropy, dict(zip(parameters, gradients, strict=True))))
    assert model.is_gradient_checkpointing
    assert_same(*found)


def test_the_enabled_model_is_otherwise_the_same():
    ids, mask, completion = BATCHES["prompts of many lengths"]
    model = make("gemma2", sliding_window=5)
    model.eval()
    before = plain(model, ids, mask, completion).log_probs, model(input_ids=ids, attention_mask=mask).logits
    prompt = ids[:, :-completion], mask[:, :-completion]
    text = model.generate(input_ids=prompt[0], attention_mask=prompt[1], max_new_tokens=5, do_sample=False)
    prefix_shared.enable(model)
    after = plain(model, ids, mask, completion).log_probs, model(input_ids=ids, attention_mask=mask).logits
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    again = model.generate(input_ids=prompt[0], attention_mask=prompt[1], max_new_tokens=5, do_sample=False)
    assert torch.equal(text, again)


def test_lora_gradients(monkeypatch):
    from peft import get_peft_model

    from mlpo_core.training.leader import adapter

    model = make("qwen2")
    adapted = get_peft_model(model, adapter(LoRA(rank=4)))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # at zero, half of the gradients would be zero
    monkeypatch.setattr(prefix_shared, "enable", lambda _: original(model))
    assert_same(*both(adapted, *BATCHES["prompts of many lengths"]))


original = prefix_shared.enable


def test_bfloat16_differs_no_more_than_bfloat16_does():
    ids, mask, completion = BATCHES["prompts of many lengths"]
    exact = plain(make("qwen3"), ids, mask, completion).log_probs
    model = make("qwen3").to(torch.bfloat16)
    stock = plain(model, ids, mask, completion).log_probs.float()
    prefix_shared.enable(model)
    shared = prefix_shared.score(model, ids, mask, completion, GROUP).log_probs.float()
    assert (shared - exact).abs().mean() < 1.5 * (stock - exact).abs().mean()


def test_what_counts_as_whole_groups():
    ids, mask, completion = BATCHES["prompts of many lengths"]
    assert prefix_shared.is_grouped(ids, mask, completion, GROUP)
    assert not prefix_shared.is_grouped(ids[:-1], mask[:-1], completion, GROUP)
    assert not prefix_shared.is_grouped(ids[1:-3], mask[1:-3], completion, GROUP)
    shuffled = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))
    assert not prefix_shared.is_grouped(ids[shuffled], mask[shuffled], completion, GROUP)
    assert not prefix_shared.is_grouped(ids, mask, completion, 1)


def test_what_is_refused():
    model = make("llama")
    assert prefix_shared.refusal(model) is None
    model.config._attn_implementation = "flash_attention_2"
    assert "flash_attention_2" in (prefix_shared.refusal(model) or "")
    assert "attention_dropout" in (prefix_shared.refusal(make("llama", attention_dropout=0.1)) or "")

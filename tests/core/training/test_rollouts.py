import torch

from mlpo_core.engines.protocol import Sampling
from mlpo_core.training import leader_trainer, mlpo, rollouts
from mlpo_core.training.rollouts import sample
from tests.core.training import small

PROMPTS = [[5, 6, 7, 8]] * 3 + [[9, 10]] * 3


def test_nearly_greedy_completions_are_those_of_generate():
    model = small.small_model("qwen3", 40)
    found = sample(model, PROMPTS, Sampling(1e-6, 1.0, 10), [2], (0,))
    for prompt, completion in zip(PROMPTS, found, strict=True):
        expected = model.generate(torch.tensor([prompt]), max_new_tokens=10, do_sample=False, eos_token_id=2)[
            0, len(prompt) :
        ]
        assert completion == expected.tolist()


def test_copies_differ_and_a_step_repeats_whatever_was_drawn_before():
    model = small.small_model("llama", 40).train()
    first = sample(model, PROMPTS, Sampling(1.0, 1.0, 10), [2], (1, 5, 0))
    torch.rand(100)
    assert sample(model, PROMPTS, Sampling(1.0, 1.0, 10), [2], (1, 5, 0)) == first
    assert sample(model, PROMPTS, Sampling(1.0, 1.0, 10), [2], (1, 6, 0)) != first
    assert len({tuple(c) for c in first}) > 3
    assert model.training


def test_a_budget_of_tokens_bounds_what_is_decoded_together_and_changes_nothing(monkeypatch):
    model = small.small_model("llama", 40)
    together = sample(model, PROMPTS, Sampling(1.0, 1.0, 10), [2], (1, 5, 0))
    sizes = []
    decode = rollouts.decode

    def seen(model, batch, *rest):
        sizes.append(len(batch.requests) * (len(batch.prompts[0]) + 10))
        return decode(model, batch, *rest)

    monkeypatch.setattr(rollouts, "decode", seen)
    assert sample(model, PROMPTS, Sampling(1.0, 1.0, 10), [2], (1, 5, 0), budget=30) == together
    assert len(sizes) == 3 and max(sizes) <= 30


def test_the_experiments_budget_reaches_the_rollouts(inputs, lenient_grading, monkeypatch):
    budgets = []
    monkeypatch.setattr(leader_trainer, "sample", lambda *a: budgets.append(a[-1]) or sample(*a))
    mlpo.run(inputs.context("mlpo_leader", small.experiment(mlpo={"steps": 1, "rollout_batch_tokens": 777})))
    assert budgets == [777]


def test_tokens_are_drawn_by_the_policys_probabilities():
    model = small.small_model("llama", 12, initializer_range=0.5)
    count = 4000
    drawn = sample(model, [[5, 6]] * count, Sampling(0.8, 1.0, 1), [2], (0,))
    with torch.no_grad():
        expected = (model(torch.tensor([[5, 6]])).logits[0, -1] / 0.8).softmax(-1)
    seen = torch.bincount(torch.tensor([c[0] for c in drawn]), minlength=12) / count
    assert (seen - expected).abs().max() < 5 * (expected * (1 - expected) / count).sqrt().max()

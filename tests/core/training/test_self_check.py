"""The comparison of the shared path with the plain one: what it looks at, what it costs, what it accepts."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from mlpo_core.training import leader_trainer, self_check
from mlpo_core.training.self_check import Pair
from tests.core.training import small
from tests.core.training.test_leader_trainer import GROUP, Ours, history, trainer

PAIR = Pair(torch.arange(20).view(2, 10), torch.ones(2, 10, dtype=torch.long), 4)


def batch(prompt=40, completion=100):
    """A group whose rows have 100, 3, none and 50 tokens."""
    lengths = torch.tensor([completion, 3, 0, completion // 2])
    generator = torch.Generator().manual_seed(0)
    return {
        "prompt_ids": torch.randint(5, 60, (1, prompt), generator=generator).expand(GROUP, -1),
        "prompt_mask": torch.ones(GROUP, prompt, dtype=torch.long),
        "completion_ids": torch.randint(5, 60, (GROUP, completion), generator=generator),
        "completion_mask": (torch.arange(completion) < lengths[:, None]).long(),
        "advantages": torch.tensor([0.5, -0.5, 0.5, -0.5]),
        "num_items_in_batch": torch.tensor(int(lengths.sum())),
        "row": torch.zeros(GROUP, dtype=torch.long),
    }


def test_a_pair_is_the_two_shortest_completions_that_are_not_masked():
    inputs = batch()
    pair = self_check.pair_of(inputs, slice(0, GROUP))
    assert pair.completion == 32
    assert pair.ids[:, 40:].tolist() == inputs["completion_ids"][[1, 3], :32].tolist()
    assert pair.mask[:, 40:].sum(1).tolist() == [3, 32]
    assert pair.ids[:, :40].tolist() == inputs["prompt_ids"][:2].tolist()


def test_few_weights_from_all_over_the_model():
    model = small.small_model("qwen3", 100, num_hidden_layers=6)
    names = {id(p): name for name, p in model.named_parameters()}
    chosen = [names[id(p)] for p in self_check.few(model)]
    assert 4 <= len(chosen) <= 8
    assert {name.split(".")[2] for name in chosen} >= {"0", "5"}
    assert not [name for name in chosen if "embed" in name or "lm_head" in name or "norm" in name]


def paths(noise, wrong):
    """A plain path that padding moves by about `noise`, and one that is off by `wrong`, both relative."""
    base = torch.cos(torch.arange(8.0)).view(2, 4)
    other = torch.sin(torch.arange(8.0)).view(2, 4)
    other = other * base.norm() / other.norm()

    def plain(pair):
        return base + noise * other * (pair.ids.shape[1] > 10)

    return plain, lambda _: base + wrong * other


@pytest.mark.parametrize(
    ("half", "noise", "wrong", "accepted"),
    [
        (False, 0.0, 5e-5, True),
        (False, 0.0, 1e-3, False),
        (False, 0.5, 1e-3, False),  # noise is no excuse in float32
        (True, 0.03, 0.06, True),  # a model whose rounding alone moves it by 3 %
        (True, 0.03, 0.12, False),
        (True, 0.002, 0.05, False),  # one that is moved by 0.2 %
        (True, 0.0, 0.005, True),
        (True, 0.9, 0.3, False),
    ],
)
def test_what_is_accepted_depends_on_the_noise_of_the_model(half, noise, wrong, accepted):
    [found] = self_check.compare(*paths(noise, wrong), PAIR, [], half)
    assert found.difference == pytest.approx(wrong, rel=1e-2)
    assert (found.difference <= found.accepted) is accepted


class Saved:
    """Bytes that are kept for backward passes, the most at one time; a model's weights do not count."""

    def __init__(self, model):
        self._weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self._held = {}
        self.most = 0

    def __enter__(self):
        self._hooks = saved_tensors_hooks(self._pack, lambda packed: packed[0])
        self._hooks.__enter__()
        return self

    def __exit__(self, *error):
        self._hooks.__exit__(*error)

    def _pack(self, tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() in self._weights:
            return (tensor,)
        held = _Held(self._held, storage.data_ptr(), storage.nbytes())
        self.most = max(self.most, sum(self._held.values()))
        return tensor, held


class _Held:
    def __init__(self, everything, key, size):
        self._everything, self._key = everything, key
        everything[key] = size

    def __del__(self):
        self._everything.pop(self._key, None)


def test_it_keeps_a_small_share_of_what_a_step_keeps(tmp_path):
    made = trainer(Ours, tmp_path)
    made.current_gradient_accumulation_steps = 1
    inputs, model = batch(400, 100), made.model.train()
    made._shares = False
    with Saved(model) as plain:
        made._compute_loss(model, inputs).backward()
    model.zero_grad()
    made._shares = None
    with Saved(model) as check:
        assert made._verified(model, inputs, slice(0, GROUP))
    assert 0 < check.most < 0.25 * plain.most
    assert all(p.grad is None for p in model.parameters())


def test_no_memory_for_it_is_a_refusal_and_not_the_end(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(self_check, "compare", full)
    made = trainer(Ours, tmp_path, steps=2)
    made.train()
    assert history(made, "prefix_shared") == [0.0, 0.0]
    assert len(said) == 1 and "no memory is left to compare" in said[0] and "2.00 GiB" in said[0]


@pytest.mark.parametrize("family", small.ALL)
def test_bfloat16_is_accepted_and_what_is_wrong_in_it_is_not(family, tmp_path, monkeypatch):
    made = trainer(Ours, tmp_path, family)
    model = made.model.to(torch.bfloat16).train()
    assert made._verified(model, batch(), slice(0, GROUP))
    score = leader_trainer.prefix_shared.score
    monkeypatch.setattr(
        leader_trainer.prefix_shared,
        "score",
        lambda model, ids, mask, *rest: score(model, ids.roll(1, 0), mask.roll(1, 0), *rest),
    )
    assert not made._verified(model, batch(), slice(0, GROUP))
    assert made._shares is False

"""Which rows stay when groups without advantage leave, and what the loss is multiplied by."""

import torch

from mlpo_core.training import skipping

ADVANTAGES = torch.tensor([0.0, 0.0, 0.5, -0.5, 0.0, 0.0, 1.0, -1.0])


def batch(advantages):
    rows = len(advantages)
    return {
        "prompt_ids": torch.arange(rows * 5).view(rows, 5),
        "prompt_mask": torch.tensor([0, 0, 1, 1, 1]).repeat(rows, 1),
        "completion_ids": torch.arange(rows * 3).view(rows, 3),
        "old_per_token_logps": torch.rand(rows, 3),
        "advantages": advantages,
        "num_items_in_batch": torch.tensor(24),
    }


def test_the_groups_with_an_advantage_stay_in_their_order():
    inputs = batch(ADVANTAGES)
    carrying = skipping.with_advantage(ADVANTAGES, 2)
    assert carrying.tolist() == [False, True, False, True]
    kept = skipping.keep(inputs, carrying, 2, count=2)
    assert kept.share == 0.5 and not kept.idle
    assert kept.inputs["advantages"].tolist() == [0.5, -0.5, 1.0, -1.0]
    assert kept.inputs["prompt_ids"].tolist() == inputs["prompt_ids"][[2, 3, 6, 7]].tolist()
    assert kept.inputs["num_items_in_batch"] is inputs["num_items_in_batch"]


def test_a_process_with_fewer_fills_up_to_what_the_others_run():
    kept = skipping.keep(batch(ADVANTAGES), skipping.with_advantage(ADVANTAGES, 2), 2, count=3)
    assert kept.share == 0.75
    assert kept.inputs["advantages"].tolist() == [0.0, 0.0, 0.5, -0.5, 1.0, -1.0]


def test_of_an_idle_micro_batch_one_token_on_one_token_of_prompt_stays():
    advantages = torch.zeros(4)
    kept = skipping.keep(batch(advantages), skipping.with_advantage(advantages, 2), 2, count=0)
    assert kept.idle
    assert {n: tuple(v.shape) for n, v in kept.inputs.items()} == {
        "prompt_ids": (1, 1), "prompt_mask": (1, 1), "completion_ids": (1, 1), "old_per_token_logps": (1, 1),
        "advantages": (1,), "num_items_in_batch": (),
    }  # fmt: skip
    # the padding stands before the prompt and after the completion
    assert kept.inputs["prompt_mask"].item() == 1
    assert (kept.inputs["prompt_ids"].item(), kept.inputs["completion_ids"].item()) == (4, 0)

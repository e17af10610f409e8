"""Every loss that TRL has: ours against its own, on the same weights and the same batch."""

import pytest
import torch

from mlpo_core.experiment import trl
from tests.core.training.test_leader_trainer import GROUP, Ours, Stock, history, trainer

LOSSES = trl.choices("GRPOConfig", "loss_type")
OPTIONS = [
    *({"loss_type": loss} for loss in LOSSES),
    {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4},  # GSPO
    {"loss_type": "luspo", "importance_sampling_level": "sequence"},
    {"loss_type": "dapo", "epsilon_high": 1.0},
    {"loss_type": "dr_grpo", "epsilon_high": 0.5, "delta": 1.4},
    {"loss_type": "dapo", "top_entropy_quantile": 0.5},
    {"loss_type": "dapo", "entropy_coef": 0.1},
    {"loss_type": "dr_grpo", "off_policy_mask_threshold": 0.0},
]


def made_up(rows, width, vocabulary=60):
    """A batch of three groups with prompts of different lengths; nothing is to be learnt from the second."""
    draw = torch.Generator().manual_seed(0)

    def lengths(most):
        return torch.randint(2, most + 1, (rows,), generator=draw)

    prompts, completions = lengths(9)[::GROUP].repeat_interleave(GROUP), lengths(width)
    completions[0], prompts[0:GROUP] = width, 9
    ids = torch.randint(5, vocabulary, (rows // GROUP, 9), generator=draw).repeat_interleave(GROUP, 0)
    prompt_mask = (torch.arange(9) >= 9 - prompts[:, None]).long()
    completion_mask = (torch.arange(width) < completions[:, None]).long()
    advantages = torch.randn(rows, generator=draw)
    advantages[GROUP : 2 * GROUP] = 0.0
    return {
        "prompt_ids": ids * prompt_mask,
        "prompt_mask": prompt_mask,
        "completion_ids": torch.randint(5, vocabulary, (rows, width), generator=draw) * completion_mask,
        "completion_mask": completion_mask,
        "advantages": advantages,
        "num_items_in_batch": 2 * completion_mask.sum(),  # as if another micro-batch followed
        "row": torch.arange(rows) // GROUP,
    }


def gradient(made, batch):
    made.model.train()
    made.current_gradient_accumulation_steps = 1
    loss = made._compute_loss(made.model, batch)
    made.model.zero_grad()
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in made.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_loss_and_gradient_are_those_of_stock_trl(options, tmp_path):
    options = {"per_device_train_batch_size": 3 * GROUP, "steps": 1, **options}
    stock, ours = trainer(Stock, tmp_path, **options), trainer(Ours, tmp_path, **options)
    batch = made_up(3 * GROUP, 8)
    with torch.no_grad():
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
        now, _, _ = stock._get_per_token_logps_and_entropies(stock.model, ids, mask, 8)
        moved = torch.randn(now.shape, generator=torch.Generator().manual_seed(1)) * 0.5  # ratios of 0.4 to 2.7
        batch["old_per_token_logps"] = now + moved
    (expected, wanted), (loss, found) = gradient(stock, dict(batch)), gradient(ours, dict(batch))
    assert wanted.norm() > 0
    assert abs(loss - expected) <= 1e-5 * max(abs(expected), 1e-2)
    assert (wanted - found).norm() < 1e-5 * wanted.norm()
    metrics = ours._metrics["train"]
    assert metrics["prefix_shared"] == [1.0]
    known = options["loss_type"] != "bnpo" and "top_entropy_quantile" not in options and "entropy_coef" not in options
    assert metrics["skipped_share"] == [pytest.approx(1 / 3 if known else 0.0)]


@pytest.mark.parametrize(
    "options", [{"loss_type": "dapo"}, {"loss_type": "grpo", "scale_rewards": "batch"}], ids=["dapo", "grpo"]
)
def test_training_with_idle_groups_left_out_is_that_of_stock_trl(options, tmp_path):
    options = {"steps": 8, "num_iterations": 2, **options}
    stock, ours = trainer(Stock, tmp_path, **options), trainer(Ours, tmp_path, **options)
    stock.train()
    ours.train()
    assert history(ours, "loss") == pytest.approx(history(stock, "loss"), abs=1e-4)
    assert history(ours, "grad_norm") == pytest.approx(history(stock, "grad_norm"), rel=1e-3, abs=1e-6)
    assert max(history(ours, "skipped_share")) > 0


def test_rewards_normalised_over_the_batch_leave_no_group_without_an_advantage(tmp_path):
    options = {"steps": 6, "multi_objective_aggregation": "normalize_then_sum"}
    stock, ours = trainer(Stock, tmp_path, **options), trainer(Ours, tmp_path, **options)
    stock.train()
    ours.train()
    assert history(ours, "grad_norm") == pytest.approx(history(stock, "grad_norm"), rel=1e-3, abs=1e-6)

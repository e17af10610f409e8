"""That fields of `trl` and settings of an adapter do what they say, in trainings of a few steps."""

import pytest
import torch

from mlpo_core.experiment import LoRA
from mlpo_core.store import Dataset, Origin
from mlpo_core.training import grpo, leader_trainer, mlpo, sft
from mlpo_core.training.dev_curve import DevCurve
from mlpo_core.training.leader import adapter
from tests.core.training import small


def trained(inputs, asset, monkeypatch, **settings):
    """The trainer of a stage that was run, and its log by metric and step."""
    section, module, run = {"sft_leader": ("sft", sft, sft.run), "mlpo_leader": ("mlpo", grpo, mlpo.run)}[asset]
    seen = []
    fit = module.fit
    monkeypatch.setattr(module, "fit", lambda trainer, *rest: seen.append(trainer) or fit(trainer, *rest))
    curves = {"eval_prompts": 0} if section == "mlpo" else {}
    ctx = inputs.context(asset, small.experiment(**{section: {"save_steps": 50, **curves, **settings}}))
    run(ctx)
    ctx.writer.commit(Origin({}, {}, {}, {}), {})
    ref = ctx.store.find(asset, ctx.writer.key)
    log = {}
    for row in Dataset(ref).rows():
        log.setdefault(row["metric"], []).append(row["value"])
    return seen[0], log


OPTIMIZER = {
    "lr_scheduler_type": "cosine",
    "weight_decay": 0.3,
    "adam_beta1": 0.8,
    "adam_beta2": 0.9,
    "adam_epsilon": 1e-6,
    "max_grad_norm": 0.05,
}


@pytest.mark.parametrize("asset", ["sft_leader", "mlpo_leader"])
def test_optimizer_schedule_and_clipping(asset, inputs, lenient_grading, monkeypatch):
    settings = {"steps": 4, "learning_rate": 1e-3, "warmup_share": 0.0, "trl": OPTIMIZER}
    made, log = trained(inputs, asset, monkeypatch, **settings)
    decayed, *_ = made.optimizer.param_groups
    assert (decayed["betas"], decayed["eps"], decayed["weight_decay"]) == ((0.8, 0.9), 1e-6, 0.3)
    assert made.args.max_grad_norm == 0.05
    half = torch.tensor([step * torch.pi / 4 for step in range(4)]).cos().add(1).mul(0.5e-3)
    assert log["learning_rate"] == pytest.approx(half.tolist(), rel=1e-4)


def test_losses_clipping_and_nucleus_sampling(inputs, lenient_grading, monkeypatch):
    fields = {"loss_type": "dapo", "epsilon_high": 0.28, "importance_sampling_level": "sequence", "top_p": 0.01}
    made, log = trained(inputs, "mlpo_leader", monkeypatch, steps=2, trl=fields)
    assert (made.loss_type, made.epsilon_high, made.importance_sampling_level) == ("dapo", 0.28, "sequence")
    assert log["zero_variance_share"] == [1.0, 1.0]  # only the likeliest token is left: all of a group write the same
    _, log = trained(inputs, "mlpo_leader", monkeypatch, steps=2)
    assert min(log["zero_variance_share"]) < 1.0


def test_sampling_that_only_trl_knows_is_trls_and_said(inputs, lenient_grading, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    _, log = trained(inputs, "mlpo_leader", monkeypatch, steps=2, trl={"top_k": 1})
    assert log["zero_variance_share"] == [1.0, 1.0]
    assert [line for line in said if "trl.top_k" in line] == said[:1]


def test_an_adapter_is_what_its_settings_say(inputs, lenient_grading, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    fit = grpo.fit

    def looked_at(made, *rest):  # before the adapter is merged
        trained_ones = [name.split(".")[-4] for name, p in made.model.named_parameters() if p.requires_grad]
        assert set(trained_ones) == {"q_proj", "v_proj"}
        config = made.model.peft_config["default"]
        assert (config.r, config.lora_alpha, config.lora_dropout) == (2, 6, 0.5)
        assert [m.p for m in made.model.modules() if isinstance(m, torch.nn.Dropout) and m.p] == [0.5] * 4
        return fit(made, *rest)

    monkeypatch.setattr(grpo, "fit", looked_at)
    lora = {"rank": 2, "alpha": 6, "dropout": 0.5, "targets": ["q_proj", "v_proj"]}
    _, log = trained(inputs, "mlpo_leader", monkeypatch, steps=2, lora=lora)
    assert set(log["prefix_shared"]) == {0.0}
    assert said == ["the update runs every copy of a prompt (slower, same result): dropout draws for every copy"]


def test_alpha_is_twice_the_rank_unless_it_is_given():
    assert adapter(LoRA()) is None
    assert adapter(LoRA(rank=4)).lora_alpha == 8
    assert adapter(LoRA(rank=4)).target_modules == "all-linear"


def checkpoint(made):
    return {name: weights.detach().clone() for name, weights in made.model.state_dict().items()}


def test_the_best_step_is_kept_and_of_equal_ones_the_earliest(inputs, lenient_grading, monkeypatch):
    accuracies = {0: 0.9, 1: 0.1, 2: 0.5, 3: 0.5, 4: 0.2}
    trainers = []
    fit = grpo.fit
    monkeypatch.setattr(grpo, "fit", lambda made, *rest: trainers.append(made) or fit(made, *rest))

    def measured(self, model):
        return {"dev/team/correct": accuracies[trainers[-1].state.global_step]}

    monkeypatch.setattr(DevCurve, "_measure", measured)
    settings = {"eval_steps": 1, "eval_prompts": 2}
    two, _ = trained(inputs, "mlpo_leader", monkeypatch, steps=2, **settings)
    best, log = trained(inputs, "mlpo_leader", monkeypatch, steps=4, keep_best=True, **settings)
    last, _ = trained(inputs, "mlpo_leader", monkeypatch, steps=4, **settings)
    assert log["dev/team/correct"] == [0.9, 0.1, 0.5, 0.5, 0.2]
    assert all(torch.equal(weights, checkpoint(best)[name]) for name, weights in checkpoint(two).items())
    assert not all(torch.equal(weights, checkpoint(last)[name]) for name, weights in checkpoint(two).items())

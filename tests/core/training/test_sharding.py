"""Training with weights, gradients and optimizer states divided between two processes."""

import signal

import pytest
import torch
from pyarrow.parquet import read_table
from safetensors.torch import load_file

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.training import leader_trainer, mlpo, resume, sft, sharding
from tests.core.training import sharded, small, two_processes


def weights(ctx: Context) -> dict[str, torch.Tensor]:
    """The trained leader."""
    return load_file(ctx.writer.scratch() / "final" / "model.safetensors")


def measured(ctx: Context, metric: str) -> list[float]:
    """A metric by step."""
    rows = read_table(ctx.store.folder.join(ctx.writer.asset, ctx.writer.key).path("part-000000.parquet")).to_pylist()
    return [row["value"] for row in sorted(rows, key=lambda row: row["step"]) if row["metric"] == metric]


@pytest.mark.slow
def test_sharded_and_killed_on_the_way_it_is_the_leader_of_one_process(
    inputs, tmp_path, monkeypatch, lenient_grading, capfd
):
    assert sharded.together(inputs.store.root, kill=3)[1] == -signal.SIGKILL
    experiment = small.experiment(launcher="torchrun", sharding="fsdp2", **sharded.SECTIONS)
    found = {name: inputs.context(name, experiment) for name in ("sft_leader", "mlpo_leader")}
    trainer = found["mlpo_leader"].writer.scratch() / "trainer"
    assert resume.last_complete(trainer) == trainer / "checkpoint-2"
    assert sharded.together(inputs.store.root) == [0, 0]
    assert "mlpo_leader: resuming from checkpoint-2" in capfd.readouterr().err

    monkeypatch.setattr(leader_trainer, "sample", leader_trainer.sample)
    two_processes.give_completions()
    alone = inputs.under(str(tmp_path / "alone"))
    start = load_file(tmp_path / "leader" / "model.safetensors")
    for name, stage in (("sft_leader", sft), ("mlpo_leader", mlpo)):
        ctx = alone.context(name, small.experiment(**sharded.SECTIONS))
        stage.run(ctx)
        assert ctx.writer.key == found[name].writer.key
        one, two = weights(ctx), weights(found[name])
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
        assert max(float((one[part] - start[part]).abs().max()) for part in one) > 1e-4, "nothing was trained"
        for metric in ("loss", "grad_norm", "dev/team/correct"):
            torch.testing.assert_close(measured(found[name], metric), measured(ctx, metric), rtol=1e-3, atol=1e-4)
    assert set(measured(found["mlpo_leader"], "prefix_shared")) == {1.0}


def test_one_process_has_nothing_to_share(monkeypatch, capsys, inputs):
    monkeypatch.delenv("ACCELERATE_USE_FSDP", raising=False)
    sharding.begin(inputs.context("sft_leader", small.experiment(launcher="torchrun", sharding="fsdp2")), 4)
    assert "sharding needs several processes, and this is one" in capsys.readouterr().err
    assert not sharding.is_on()
    assert sharding.options(True) == {"gradient_checkpointing": True}
    model = torch.nn.Linear(2, 2)
    with sharding.whole(model):
        assert model.weight.shape == (2, 2)


def test_sharding_without_several_processes_is_refused():
    with pytest.raises(BadInput, match="sharding: fsdp2 needs several processes: launcher: torchrun, or ray"):
        small.experiment(sharding="fsdp2")


def test_layers_that_run_twice_are_told_to_fsdp_and_not_to_the_trainer(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    options = sharding.options(True)
    assert options["gradient_checkpointing"] is False and options["fsdp_config"]["activation_checkpointing"] is True
    assert options["fsdp_config"]["cpu_ram_efficient_loading"] is True


@pytest.mark.parametrize(
    ("needs", "problem"),
    [
        ((4, 0.0), "lora.rank: an adapter is merged into whole weights"),
        ((0, 0.1), "beta: the KL term reads a reference model"),
    ],
)
def test_what_needs_whole_weights_is_refused(monkeypatch, inputs, needs, problem):
    plain = inputs.context("mlpo_leader", small.experiment(launcher="torchrun"))
    sharing = inputs.context("mlpo_leader", small.experiment(launcher="torchrun", sharding="fsdp2"))
    sharding.refuse(sharing, *needs)  # one process shares nothing
    monkeypatch.setenv("WORLD_SIZE", "2")
    sharding.refuse(plain, *needs)
    sharding.refuse(sharing, 0, 0.0)
    with pytest.raises(BadInput, match=problem):
        sharding.refuse(sharing, *needs)

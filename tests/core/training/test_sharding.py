"""Training with weights, gradients and optimizer states divided between two processes."""

import signal

import pytest
import torch
from pyarrow.parquet import read_table
from safetensors.torch import load_file

from mlpo_core.context import Context
from mlpo_core.training import leader_trainer, mlpo, resume, sft
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
        torch.manual_seed(0)
        stage.run(ctx)
        assert ctx.writer.key == found[name].writer.key
        one, two = weights(ctx), weights(found[name])
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
        assert max(float((one[part] - start[part]).abs().max()) for part in one) > 1e-4, "nothing was trained"
        for metric in ("loss", "grad_norm", "dev/team/correct"):
            torch.testing.assert_close(measured(found[name], metric), measured(ctx, metric), rtol=1e-3, atol=1e-4)
    assert set(measured(found["mlpo_leader"], "prefix_shared")) == {1.0}

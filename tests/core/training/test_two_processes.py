"""MLPO and SCoRe under torchrun: two processes make one process's leader, with groups of no advantage left out."""

import os
import subprocess
import sys

import pytest
import torch
from pyarrow.parquet import read_table
from safetensors.torch import load_file

from mlpo_core.context import Context
from mlpo_core.store.files import Folder
from mlpo_core.training import leader_trainer, mlpo, score
from tests.core.training import small, two_processes
from tests.support import REPOSITORY, free_port


def folder(ctx: Context) -> Folder:
    """Where a stage has written."""
    return ctx.store.folder.join(ctx.writer.asset, ctx.writer.key)


def weights(ctx: Context) -> dict[str, torch.Tensor]:
    """The trained leader."""
    written = folder(ctx)
    [name] = [n for n in written.names() if n.startswith("checkpoint-") and n.endswith("/model.safetensors")]
    return load_file(written.path(name))


def rollouts(ctx: Context) -> list[tuple[object, ...]]:
    """What of its rollouts does not depend on the last digits of weights."""
    names = sorted(name for name in folder(ctx).names() if name.startswith("rollouts/"))
    rows = [row for name in names for row in read_table(folder(ctx).path(name)).to_pylist()]
    return [(row["step"], row["prompt_id"], row["completion"], row["reward"], row["advantage"]) for row in rows]


def logged(ctx: Context, metric: str) -> list[float]:
    """A figure of the training log, by step."""
    rows = read_table(folder(ctx).path("part-000000.parquet")).to_pylist()
    return [row["value"] for row in rows if row["metric"] == metric]


def dev_at_the_start(ctx: Context) -> dict[str, float]:
    """What the untrained leader gets of its dev prompts."""
    log = read_table(folder(ctx).path("part-000000.parquet")).to_pylist()
    return {r["metric"]: r["value"] for r in log if r["step"] == 0 and r["metric"].startswith("dev/")}


@pytest.mark.slow
def test_two_processes_train_the_leader_of_one(inputs, tmp_path, monkeypatch, lenient_grading):
    """Their own completions differ, so for the comparison both are given the same.

    The processes then hold different numbers of groups with an advantage, and must still run in step.
    """
    small.add_solo_tasks(inputs)
    port = str(free_port())
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", port]
    done = subprocess.run(
        [*torchrun, "-m", "tests.core.training.two_processes", inputs.store.root],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    log = read_table(folder(inputs.context("mlpo_leader", small.experiment())).path("part-000000.parquet")).to_pylist()
    assert len([r for r in log if r["metric"] == "loss"]) == 6
    assert {r["value"] for r in log if r["metric"] == "prefix_shared"} == {1.0}

    monkeypatch.setattr(leader_trainer, "sample", leader_trainer.sample)
    two_processes.give_completions()
    alone = inputs.under(str(tmp_path / "alone")).context("mlpo_leader", two_processes.experiment())
    mlpo.run(alone)
    one = weights(alone)
    together = inputs.under(f"{inputs.store.root}/given").context("mlpo_leader", two_processes.experiment())
    two = weights(together)
    assert rollouts(together) == rollouts(alone) and len(rollouts(alone)) == 4 * 16
    assert len(dev_at_the_start(alone)) == 4
    assert dev_at_the_start(together) == dev_at_the_start(alone)
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
    start = load_file(tmp_path / "leader" / "model.safetensors")
    assert max(float((one[name] - start[name]).abs().max()) for name in one) > 1e-3, "nothing was trained"

    alone, together = (
        inputs.under(root).context("score_leader", two_processes.experiment())
        for root in (str(tmp_path / "alone"), f"{inputs.store.root}/given")
    )
    score.run(alone)
    one, two = (torch.cat([(w[n] - start[n]).flatten() for n in start]) for w in (weights(alone), weights(together)))
    assert one.abs().max() > 1e-3, "SCoRe trained nothing"
    # where both turns cancel out AdamW follows the last digits: equal gradients, and then the update as a whole
    norms, rewards = ([logged(ctx, name) for ctx in (alone, together)] for name in ("grad_norm", "reward"))
    assert rewards[0] == rewards[1] and len(rewards[0]) == 6
    assert norms[0][:2] == pytest.approx(norms[1][:2], rel=1e-5)
    assert (two - one).norm() < 0.02 * one.norm()

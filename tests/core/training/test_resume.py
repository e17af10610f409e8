import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from mlpo_core.training import resume
from tests.core.training import small
from tests.core.training.killed import RUN
from tests.support import REPOSITORY


def checkpoint(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_only_whole_checkpoints_count(tmp_path):
    whole = checkpoint(tmp_path / "checkpoint-5", weights="12345", optimizer="1")
    resume.mark(whole)
    shrunk = checkpoint(tmp_path / "checkpoint-10", weights="12345", optimizer="1")
    resume.mark(shrunk)
    (shrunk / "optimizer").write_text("")
    flipped = checkpoint(tmp_path / "checkpoint-12", weights="12345", optimizer="1")
    resume.mark(flipped)
    (flipped / "weights").write_text("12354")
    checkpoint(tmp_path / "checkpoint-15", weights="12345")  # never marked
    lost = checkpoint(tmp_path / "checkpoint-20", weights="12345", optimizer="1")
    resume.mark(lost)
    (lost / "optimizer").unlink()
    assert resume.last_complete(tmp_path) == whole
    resume.discard_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [whole]


def test_steps_are_ordered_as_numbers(tmp_path):
    for step in (9, 10, 100):
        resume.mark(checkpoint(tmp_path / f"checkpoint-{step}", weights="1"))
    assert resume.last_complete(tmp_path) == tmp_path / "checkpoint-100"
    assert resume.last_complete(tmp_path / "none") is None


def weights(ctx):
    return load_file(ctx.writer.scratch() / "final" / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asset", "where"),
    [
        ("sft_leader", "save"),
        pytest.param("mlpo_leader", "step", marks=pytest.mark.long),
        ("mlpo_leader", "save"),
    ],
)
def test_a_run_killed_anywhere_ends_with_the_weights_of_one_that_was_not(
    inputs, lenient_grading, tmp_path, asset, where
):
    experiment = small.experiment()
    undisturbed = small.Inputs(tmp_path / "undisturbed")
    undisturbed.refs = inputs.refs
    straight = undisturbed.context(asset, experiment)
    RUN[asset](straight)

    step = random.choice([3, 4, 5] if where == "step" else [4, 6])
    command = [sys.executable, "-m", "tests.core.training.killed", inputs.store.root, asset, str(step), where]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = inputs.context(asset, experiment)
    trainer = again.writer.scratch() / "trainer"
    assert resume.last_complete(trainer) == trainer / f"checkpoint-{(step - 1) // 2 * 2}"
    assert len(list(trainer.glob("checkpoint-*"))) <= resume.KEPT
    RUN[asset](again)

    expected, found = weights(straight), weights(again)
    assert all((expected[name] == found[name]).all() for name in expected), f"killed at {where} {step}"
    keep = {"loss", "reward", "correct", "num_tokens", "dev/team/well_formed", "completions/mean_length"}
    logs = [[r for r in _log(ctx) if r["metric"] in keep] for ctx in (straight, again)]
    assert logs[0] == logs[1]
    kept = [_rollouts(ctx) for ctx in (straight, again)]
    assert kept[0] == kept[1] and len(kept[0]) == (4 if asset == "mlpo_leader" else 0)


def _log(ctx):
    from pyarrow.parquet import read_table

    return read_table(_folder(ctx) / "part-000000.parquet").to_pylist()


def _rollouts(ctx):
    return {file.name: file.read_bytes() for file in _folder(ctx).glob("rollouts/*")}


def _folder(ctx):
    return Path(ctx.store.folder.join(ctx.writer.asset, ctx.writer.key).path())

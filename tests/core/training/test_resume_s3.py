"""A training killed on one machine goes on, on another, from what the object store keeps."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mlpo_core.store import Dataset
from mlpo_core.store.files import Folder
from mlpo_core.store.names import without_content
from mlpo_core.training import resume
from tests.core.training import small
from tests.core.training.killed import RUN
from tests.mini_chain import ORIGIN
from tests.support import REPOSITORY, free_port


def fill(inputs: small.Inputs, folder: Path) -> small.Inputs:
    inputs.base_leader(small.save_leader(folder))
    inputs.add("sft_dataset", [small.trace(n) for n in range(10)])
    return inputs


@pytest.mark.slow
def test_a_killed_training_goes_on_where_another_machine_left_it(
    s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    experiment = small.experiment()
    straight = fill(small.Inputs(tmp_path / "disk"), tmp_path / "leader").context("sft_leader", experiment)
    RUN["sft_leader"](straight)

    inputs = fill(small.Inputs(s3_root), tmp_path / "leader")
    command = [sys.executable, "-m", "tests.core.training.killed", s3_root, "sft_leader", "5", "step"]
    killed = subprocess.run(command, cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = inputs.context("sft_leader", experiment)
    partial = Folder(f"{again.store.folder.join('sft_leader', again.writer.key).url}.partial")

    def kept() -> set[str | None]:
        return {without_content(name.split("/")[1]) for name in partial.names()}

    assert kept() == {"checkpoint-2", "checkpoint-4"}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    again = inputs.context("sft_leader", experiment)
    capsys.readouterr()
    RUN["sft_leader"](again)
    assert "sft_leader: resuming from checkpoint-4" in capsys.readouterr().err
    assert kept() == {"checkpoint-4", "checkpoint-6"}, "what the trainer no longer keeps is not kept there"
    again.writer.commit(ORIGIN, {})
    assert kept() == set()
    ref = again.store.find("sft_leader", again.writer.key)
    assert ref
    found = load_file(Dataset(ref).local_folder("checkpoint") / "model.safetensors")
    expected = load_file(straight.writer.scratch() / "final" / "model.safetensors")
    assert all((expected[name] == found[name]).all() for name in expected)


@pytest.mark.slow
def test_each_of_two_other_machines_fetches_the_checkpoint_itself(s3_root: str, tmp_path: Path) -> None:
    """Two nodes of torchrun with a cache of their own each."""
    straight = fill(small.Inputs(tmp_path / "disk"), tmp_path / "leader").context("sft_leader", small.experiment())
    RUN["sft_leader"](straight)
    inputs = fill(small.Inputs(s3_root), tmp_path / "leader")
    phase = ["-m", "tests.core.training.killed", s3_root, "sft_leader"]
    killed = subprocess.run([sys.executable, *phase, "5", "step"], cwd=REPOSITORY, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--master_port", str(free_port())]
    nodes = [
        subprocess.Popen(
            [*torchrun, "--node_rank", str(node), *phase, "7", "step"],
            cwd=REPOSITORY,
            env=os.environ | {"ACCELERATE_USE_CPU": "true", "XDG_CACHE_HOME": str(tmp_path / f"machine {node}")},
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in range(2)
    ]
    said = [node.communicate()[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(said)
    assert "sft_leader: resuming from checkpoint-4" in said[0]
    for node in range(2):
        caches = (tmp_path / f"machine {node}").rglob("checkpoint-4")
        assert [(cache / resume.COMPLETE).exists() for cache in caches] == [True]
    again = inputs.context("sft_leader", small.experiment())
    again.writer.restore(again.writer.scratch() / "trainer")
    found = load_file(again.writer.scratch() / "trainer" / "checkpoint-6" / "model.safetensors")
    expected = load_file(straight.writer.scratch() / "final" / "model.safetensors")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)

"""Phases as anybody runs them, and a small leader to fine-tune."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from mlpo_core.chain.spec import Spec
from mlpo_core.store import Dataset, Store
from tests.core.training import small
from tests.support import REPOSITORY


def start(folder: Path, spec: Spec, **variables: str) -> subprocess.Popen[str]:
    """Start `run --spec` in a process of its own."""
    file = folder / f"{spec.asset}.json"
    file.write_text(spec.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-m", "mlpo_core", "run", "--spec", str(file)],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def sft(folder: Path, root: str, **sections: object) -> Spec:
    """SFT of a small leader under `folder / root`, from inputs that are made once."""
    inputs = small.Inputs(folder / "inputs")
    if (folder / "leader").exists():
        inputs.refs = {a: ref for a in ("base_models", "sft_dataset") if (ref := inputs.store.find(a, "input"))}
    else:
        inputs.base_leader(small.save_leader(folder / "leader"))
        inputs.add("sft_dataset", [small.trace(n) for n in range(6)])
    experiment = small.experiment(**sections)
    refs = dict(inputs.refs)
    return Spec(asset="sft_leader", partition="small", experiment=experiment, inputs=refs, root=str(folder / root))


def weights(folder: Path, root: str) -> dict[str, torch.Tensor]:
    """The fine-tuned leader under `folder / root`."""
    ref = Store(str(folder / root)).pointed("small", "sft_leader")
    assert ref
    return load_file(Dataset(ref).local_folder("checkpoint") / "model.safetensors")


def assert_trained_alike(folder: Path, one: str, other: str) -> None:
    """Both leaders are the same, and not the one that training began with."""
    torch.testing.assert_close(weights(folder, other), weights(folder, one), rtol=1e-4, atol=1e-5)
    start = load_file(folder / "leader" / "model.safetensors")
    trained = weights(folder, other)
    assert max(float((trained[name] - start[name]).abs().max()) for name in trained) > 1e-3, "nothing was trained"

"""`launcher: torchrun` through the command that everybody runs: two processes give one process's leader."""

import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from mlpo_core.errors import BadInput
from mlpo_core.launching import PROCESSES, wanted_processes
from mlpo_core.run import Spec, run
from mlpo_core.store import Dataset, Store
from tests.core.training import small
from tests.support import REPOSITORY


def spec(tmp_path, root, **sections):
    """SFT of a small leader, from inputs that are made once."""
    inputs = small.Inputs(tmp_path / "inputs")
    if not (tmp_path / "inputs").exists():
        inputs.base_leader(small.save_leader(tmp_path / "leader"))
        inputs.add("sft_dataset", [small.trace(n) for n in range(6)])
    else:
        inputs.refs = {a: inputs.store.find(a, "input") for a in ("base_models", "sft_dataset")}
    return Spec(
        asset="sft_leader",
        partition="small",
        experiment=small.experiment(**sections),
        inputs=inputs.refs,
        root=str(tmp_path / root),
    )


def phase(tmp_path, wanted, processes="2"):
    """`run --spec` in a process of its own."""
    file = tmp_path / "spec.json"
    file.write_text(wanted.model_dump_json())
    return subprocess.run(
        [sys.executable, "-m", "mlpo_core", "run", "--spec", str(file)],
        cwd=REPOSITORY,
        env={**os.environ, PROCESSES: processes, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=500,
    )


def weights(root):
    found = Dataset(Store(str(root)).pointed("small", "sft_leader"))
    return load_file(found.local_folder("checkpoint") / "model.safetensors"), found.manifest


@pytest.mark.slow
def test_two_processes_train_the_leader_of_one(tmp_path):
    run(spec(tmp_path, "one"))
    done = phase(tmp_path, spec(tmp_path, "two", launcher="torchrun"))
    assert done.returncode == 0, done.stderr
    assert "training in 2 processes" in done.stderr
    (one, _), (two, manifest) = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert_close(two, one, rtol=1e-4, atol=1e-5)
    start = load_file(tmp_path / "leader" / "model.safetensors")
    assert max((two[name] - start[name]).abs().max() for name in two) > 1e-3, "nothing was trained"
    assert [p.name for p in manifest.parts] == ["part-000000.parquet"]


@pytest.mark.slow
def test_what_a_process_refuses_is_bad_input_of_the_phase(tmp_path):
    done = phase(tmp_path, spec(tmp_path, "refused", launcher="torchrun", sft={"batch_size": 3}))
    assert done.returncode == 2, done.stderr
    assert "does not divide the 3 rows" in done.stderr


def test_the_number_of_processes_is_checked(monkeypatch):
    assert wanted_processes(4) == 4
    monkeypatch.setenv(PROCESSES, "2")
    assert wanted_processes(4) == 2
    monkeypatch.setenv(PROCESSES, "two")
    with pytest.raises(BadInput, match=r"MLPO_PROCESSES=two: expected the number"):
        wanted_processes(4)

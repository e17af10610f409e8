import subprocess
import sys

import pyarrow as pa
import pytest
import torch

from mlpo_core.commands import gpu_check
from mlpo_core.store.schemas import TRAINING_LOG
from tests.support import REPOSITORY


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about the absence of CUDA")
def test_without_cuda_it_exits_2_and_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_core", "gpu-check"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "error: gpu-check needs a CUDA device" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_has_one_line_per_step():
    rows = [
        {"step": s, "metric": m, "value": v}
        for s, m, v in [(0, "dev/team/correct", 0.5), (1, "loss", 0.25), (1, "seconds", 3.0), (2, "loss", 0.5)]
    ]
    header, first, second = gpu_check.table(pa.Table.from_pylist(rows, schema=TRAINING_LOG)).splitlines()
    assert header.split()[:3] == ["step", "seconds", "loss"]
    assert first.split()[:4] == ["1", "3", "0.25", "–"]
    assert second.split()[:3] == ["2", "–", "0.5"]

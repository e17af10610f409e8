import os
import subprocess
import sys

import pytest
from pyarrow.parquet import read_table

from mlpo_core.files import Folder
from tests.core.training import small
from tests.support import REPOSITORY, free_port


@pytest.mark.slow
def test_two_processes_train_one_leader(inputs):
    """With skipping, ranks hold different numbers of rows with an advantage, and must still run in step."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        str(free_port()),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, "-m", "tests.core.training.two_processes", inputs.store.root],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    ctx = inputs.context("mlpo_leader", small.experiment())
    version = Folder(ctx.store.folder.join("mlpo_leader", ctx.writer.key).url)
    log = read_table(version.path("part-000000.parquet")).to_pylist()
    values = {
        name: [r["value"] for r in log if r["metric"] == name] for name in ("loss", "skipped_share", "prefix_shared")
    }
    assert len(values["loss"]) == 6
    assert set(values["prefix_shared"]) == {1.0}
    assert [n for n in version.names() if n.startswith("checkpoint-") and n.endswith("/model.safetensors")]

"""Somebody's own Dagster project, elsewhere, has an asset downstream of ours: that which the site shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "dagster.md"
EXPERIMENT = {
    "name": "lab",
    "tasks": [{"benchmark": "procedural", "train": 6, "dev": 2, "test": 2, "subjects": ["chain_sum"]}],
    "team": {"agents": [{"name": "alpha", "model": "pretrain:llama"}]},
}
DRIVER = """
import dagster as dg
from definitions import defs
from pipelines.partitions import register

with dg.DagsterInstance.ephemeral() as instance:
    register(instance)
    result = dg.materialize(
        [asset for asset in defs.assets if isinstance(asset, dg.AssetsDefinition)],
        selection=["tasks", "longest_question"],
        partition_key="lab",
        instance=instance,
        resources={**defs.resources, "io_manager": dg.mem_io_manager},
    )
    print("longest:", result.output_for_node("longest_question"))
"""


def test_an_asset_of_another_folder_reads_ours(tmp_path: Path) -> None:
    [code] = re.findall(r"<!-- file -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "definitions.py").write_text(code)
    (tmp_path / "project" / "driver.py").write_text(DRIVER)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "lab.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "MLPO_EXPERIMENTS": str(tmp_path / "experiments"),
        "MLPO_ROOT": str(tmp_path / "root"),
    }
    folder = tmp_path / "project"
    done = subprocess.run([sys.executable, "driver.py"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "longest: " in done.stdout
    assert list((tmp_path / "root" / "tasks").iterdir())

"""Assets downstream of ours: the leaderboard, and those of another project in another folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import defs
from pipelines.leaderboard import rank
from tests.pipelines.conftest import Workshop
from tests.pipelines.reports import put_report
from tests.support import REPOSITORY

LEADERBOARD = dg.AssetKey("leaderboard")
ELSEWHERE = """
import sys

import dagster as dg

from pipelines.definitions import defs as chain
from pipelines.io.version_refs import KEY
from pipelines.partitions import EXPERIMENTS


@dg.asset(partitions_def=EXPERIMENTS, ins={"tasks": dg.AssetIn(input_manager_key=KEY)})
def counted(tasks) -> dict:
    return {"rows": tasks.count(), "question": "question" in tasks.schema.names}


@dg.asset
def more_notes(notes: dict) -> dict:
    return {**notes, "and": "another"}


@dg.asset
def notes() -> dict:
    return {"a": "dict"}


@dg.asset(ins={"tasks": dg.AssetIn(input_manager_key=KEY)})
def overall(tasks) -> dict:
    return {name: dataset.count() for name, dataset in tasks.items()}


@dg.asset(partitions_def=EXPERIMENTS, ins={"sft_leader": dg.AssetIn(input_manager_key=KEY)})
def absent(sft_leader) -> dict:
    return {"leader": sft_leader}


defs = dg.Definitions.merge(chain, dg.Definitions(assets=[counted, more_notes, notes, overall, absent]))
"""
RUN = """
import json
import dagster as dg
from elsewhere import defs

said = {}
job = defs.resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.get() as instance:
    for key in ("counted", "notes", "more_notes", "overall", "absent"):
        partition = "votes" if key in ("counted", "absent") else None
        result = job.execute_in_process(instance=instance, partition_key=partition, asset_selection=[dg.AssetKey(key)])
        said[key] = result.output_for_node(key)
print(json.dumps(said))
"""


def test_another_projects_assets_follow_ours_and_keep_their_own_io_manager(workshop: Workshop) -> None:
    workshop.prepare()
    project = workshop.folder / "project"
    project.mkdir()
    (project / "elsewhere.py").write_text(ELSEWHERE)
    paths = os.pathsep.join([str(project), str(REPOSITORY)])
    environment = {**os.environ, "DAGSTER_HOME": str(workshop.instance.root_directory), "PYTHONPATH": paths}
    (Path(workshop.instance.root_directory) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=project, env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    rows = said["counted"]["rows"]
    assert rows > 0
    assert said == {
        "counted": {"rows": rows, "question": True},
        "notes": {"a": "dict"},
        "more_notes": {"a": "dict", "and": "another"},
        "overall": {"votes": rows},
        "absent": {"leader": None},
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("leaderboard") / "root"
    put_report(root, "one", seed=1)
    put_report(root, "two", seed=2)
    return root


def materialize(
    root: Path, monkeypatch: pytest.MonkeyPatch, *experiments: str, run_of: str | None = None
) -> dict[str, dg.MetadataValue]:
    monkeypatch.setenv("MLPO_ROOT", str(root))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("experiment", list(experiments))
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, partition_key=run_of, asset_selection=[LEADERBOARD])
        [event] = result.asset_materializations_for_node("leaderboard")
        return dict(event.metadata)


def test_every_experiment_with_a_report_is_on_the_leaderboard(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = materialize(root, monkeypatch, "one", "two", "without a report")
    assert shown["experiments"].value == 2
    rows = [record.data for record in shown["leaderboard"].records]
    assert {row["experiment"] for row in rows} == {"one", "two"}
    assert rows[0]["accuracy, %"] >= rows[1]["accuracy, %"]
    for row in rows:
        assert row["method"].startswith("mlpo_leader/team T=")
        assert row["best other method"] and not row["best other method"].startswith(("mlpo_leader/team", "any_correct"))
        assert row["test tasks"] == 30
    assert str(shown["plot: leaderboard"].value).startswith("![leaderboard](data:image/png;base64,")


def test_in_a_run_of_one_experiment_it_still_compares_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the UI launches for `hard_tasks+` and one partition: assets with partitions, and this one without."""
    assert materialize(root, monkeypatch, "one", "two", run_of="one")["experiments"].value == 2


def test_a_leaderboard_of_nothing_is_empty(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name: value.value for name, value in materialize(root, monkeypatch, "none").items()} == {"experiments": 0}
    assert rank({}) == []

"""Dagster's command lines on this repository: definitions are checked and listed, and partitions launched by name."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import dagster as dg
import psutil
import pytest

from mlpo_core.chain.stages import STAGES
from pipelines.partitions import register
from tests.pipelines.webserver import configure, serving
from tests.support import REPOSITORY, gone, wait_for

pytestmark = pytest.mark.slow

LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }
"""


def program(name: str) -> str:
    """The path of a program of the environment."""
    return str(Path(sys.executable).parent / name)


def said(command: str, *arguments: str, **environment: str) -> str:
    """What a program of the environment prints, in the repository."""
    done = subprocess.run(
        [program(command), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DG_CLI_DISABLE_TELEMETRY": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dg_checks_and_lists_what_there_is(tmp_path: Path) -> None:
    environment = configure(tmp_path)
    said("dg", "check", "defs", **environment)
    listed = json.loads(said("dg", "list", "defs", "--json", **environment))
    keys = {entry["asset_key"] for entry in listed["assets"]}
    assert keys == {*STAGES, "leaderboard", *(f"settings/{stage}" for stage in STAGES)}
    assert {entry["name"] for entry in listed["schedules"]} == {"nightly"}
    assert {"experiment_chain", "try_settings"} <= {entry["name"] for entry in listed["jobs"]}


def test_dg_dev_serves_this_repository_and_ends_with_all_that_it_started(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    with serving(tmp_path, program=(program("dg"), "dev")) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/server_info", timeout=60) as answer:
            assert json.load(answer)["dagster_version"] == dg.__version__
        [location] = server.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
        assert location == {"name": "mlpo", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
        started = [process.pid for process in psutil.Process(server.process.pid).children(recursive=True)]
        assert started
    wait_for(lambda: gone(started), 30, "nothing that it started is left")


def test_partitions_are_backfilled_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "experiments").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "experiments" / f"{name}.yaml").write_text("tasks: [")
    environment = configure(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        register(instance)
        partitions = ("--partitions", "one,two", "--noprompt")
        said("dagster", "job", "backfill", "-w", "workspace.yaml", "-j", "experiment_chain", *partitions, **environment)
        [backfill] = instance.get_backfills()
        assert sorted(backfill.partition_names or ()) == ["one", "two"]

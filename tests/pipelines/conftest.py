"""A Dagster instance, a store and a folder of experiments of the test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
import yaml

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.store import Store
from pipelines.definitions import defs
from pipelines.partitions import register
from tests.pipelines.results import failure
from tests.support import write_recorded

CHAIN = "experiment_chain"
RECORDED = ["tasks", "base_models", "agent_proposals", "hard_tasks"]
"""The assets that a recorded experiment makes without a model."""


class Workshop(NamedTuple):
    """Where a test works."""

    instance: dg.DagsterInstance
    folder: Path
    made: Path
    """A store that holds the versions of the unchanged experiment."""

    def write(self, name: str = "votes", **changes: object) -> None:
        """Write the experiment NAME: recorded agents, with some top-level settings replaced."""
        experiment: dict[str, object] = {
            "name": name,
            "tasks": [{"benchmark": "math", "source": "recorded", "divide_test": True, "shares": [0.6, 0.1, 0.3]}],
            "team": {"agents": [{"name": a, "model": f"recorded:{a}"} for a in ("good", "fair", "poor")]},
            "proposals": {"samples_per_agent": 2, "benchmark_samples": 3},
            # A variable, so that a version's key does not depend on the test's folder.
            "engine": {"kind": "recorded", "recorded": "$MLPO_DATA_DIR"},
            **changes,
        }
        (self.folder / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump(experiment))

    def prepare(self) -> None:
        """Materialize what a recorded experiment makes, out of versions that an earlier test of the session made."""
        for asset in RECORDED:
            shutil.copytree(self.made / asset, self.folder / "root" / asset)
        result = self.materialize(*RECORDED)
        assert result.success, failure(result)

    def materialize(
        self, *assets: str, experiment: str = "votes", tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets (none named: all) of an experiment; look at `.success`."""
        register(self.instance)
        return defs.resolve_job_def(CHAIN).execute_in_process(
            instance=self.instance,
            partition_key=experiment,
            asset_selection=[dg.AssetKey(a) for a in assets] or None,
            tags=tags,
            raise_on_error=False,
        )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "experiments").mkdir()
    write_recorded(folder / "recorded")
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("MLPO_EXPERIMENTS", str(folder / "experiments"))
        patch.setenv("MLPO_DATA_DIR", str(folder / "recorded"))
        Workshop(instance, folder, folder).write()
        store = Store(str(folder / "root"))
        for asset in RECORDED:
            run(resolve(asset, find("votes"), store))
    return folder / "root"


@pytest.fixture
def workshop(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path / "experiments"))
    monkeypatch.setenv("MLPO_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MLPO_DATA_DIR", str(tmp_path / "recorded"))
    write_recorded(tmp_path / "recorded")
    quiet = {"telemetry": {"enabled": False}}  # else Dagster writes beside the repository's dagster.yaml
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster"), quiet) as instance:
        workshop = Workshop(instance, tmp_path, made)
        workshop.write()
        yield workshop

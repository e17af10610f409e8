"""The team's dagster.yaml on a real PostgreSQL server."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tests.support import REPOSITORY

CONFIG = REPOSITORY / "infra" / "compose" / "dagster.yaml"


@dg.asset
def answer() -> int:
    return 42


@pytest.mark.slow
def test_a_run_is_recorded_in_postgresql(postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = yaml.safe_load(CONFIG.read_text())
    del config["compute_logs"]  # test_instance.py has an object store too
    database = config["storage"]["postgres"]["postgres_db"]
    database.update(hostname=postgres.host, port=postgres.port, username=postgres.user, db_name=postgres.database)
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "unused: the test server trusts loopback")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    try:
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert dg.materialize([answer], instance=instance).success
        with dg.DagsterInstance.from_config(str(tmp_path)) as again:
            event = again.get_latest_materialization_event(dg.AssetKey("answer"))
            assert event is not None
            assert type(again.event_log_storage).__name__ == "PostgresEventLogStorage"
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)

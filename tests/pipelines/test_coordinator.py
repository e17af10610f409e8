"""What a run will make is known before it is queued (test_webserver.py queues runs)."""

import dagster as dg

from pipelines.coordinator import made_by
from pipelines.definitions import defs
from pipelines.tags import FRESH
from tests.pipelines.conftest import CHAIN, RECORDED, Workshop
from tests.support import free_port


def foresee(workshop: Workshop, *assets: str, experiment: str = "votes", **tags: str) -> list[str]:
    run = workshop.instance.create_run_for_job(
        defs.resolve_job_def(CHAIN),
        tags={"dagster/partition": experiment, **tags},
        asset_selection=frozenset(map(dg.AssetKey, assets)) or None,
    )
    return made_by(run)


def test_only_what_is_not_there_is_made(workshop: Workshop) -> None:
    assert foresee(workshop, *RECORDED) == RECORDED
    workshop.prepare()
    assert foresee(workshop, *RECORDED, "sft_leader") == [], "no leader is part of it"
    assert foresee(workshop, *RECORDED, **{FRESH: "monday"}) == RECORDED
    workshop.write(filter={"max_correct_rate": 0.8})
    assert foresee(workshop, *RECORDED) == ["hard_tasks"]
    whole = foresee(workshop)
    assert {"hard_tasks", "benchmark_proposals", "benchmark_report"} <= set(whole)
    assert not {"tasks", "sft_leader"} & set(whole)


def test_a_run_that_will_be_refused_makes_nothing(workshop: Workshop) -> None:
    assert foresee(workshop, "tasks", experiment="nobody") == []


def test_what_cannot_be_looked_up_counts_as_made(workshop: Workshop, monkeypatch) -> None:
    monkeypatch.setenv("MLPO_ROOT", "s3://nobody/answers")
    for name, value in {"ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "unused")
    assert foresee(workshop, "tasks") == ["tasks"]

"""What a run will make is known before it is queued (test_webserver.py queues runs)."""

import dagster as dg

from pipelines.coordinator import PROCESSOR, made_by, needed_by
from pipelines.definitions import defs
from pipelines.slots import ACCELERATOR
from pipelines.tags import FRESH
from tests.pipelines.conftest import CHAIN, RECORDED, Workshop
from tests.support import free_port


def run_of(workshop: Workshop, *assets: str, experiment: str = "votes", **tags: str) -> dg.DagsterRun:
    return workshop.instance.create_run_for_job(
        defs.resolve_job_def(CHAIN),
        tags={"dagster/partition": experiment, **tags},
        asset_selection=frozenset(map(dg.AssetKey, assets)) or None,
    )


def foresee(workshop: Workshop, *assets: str, experiment: str = "votes", **tags: str) -> list[str]:
    return made_by(run_of(workshop, *assets, experiment=experiment, **tags))


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


def test_a_run_needs_an_accelerator_if_it_holds_a_model(workshop: Workshop) -> None:
    workshop.write("models", team={"agents": [{"name": "a", "model": "pretrain:llama", "engine": {"kind": "vllm"}}]})
    workshop.write("judged", grading={"judge": {"model": "org/judge-7B", "engine": {"kind": "vllm"}}})

    def needs(experiment: str, *assets: str) -> str:
        return needed_by(run_of(workshop, *assets, experiment=experiment), list(assets))

    assert needs("votes", *RECORDED) == PROCESSOR
    assert needs("models", "tasks", "hard_tasks") == PROCESSOR
    assert needs("models", "tasks", "base_models") == needs("models", "agent_proposals") == ACCELERATOR
    assert needs("judged", "agent_proposals") == ACCELERATOR, "its judge is here"
    assert needs("nobody", "tasks") == ACCELERATOR


def test_a_run_that_will_be_refused_makes_nothing(workshop: Workshop) -> None:
    assert foresee(workshop, "tasks", experiment="nobody") == []


def test_what_cannot_be_looked_up_counts_as_made(workshop: Workshop, monkeypatch) -> None:
    monkeypatch.setenv("MLPO_ROOT", "s3://nobody/answers")
    for name, value in {"ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "unused")
    assert foresee(workshop, "tasks") == ["tasks"]

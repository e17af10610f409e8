"""A slot of a pool is taken for work alone, and given back whatever happens."""

import sys
import threading

import dagster as dg
import pytest

from pipelines import launch
from pipelines.slots import ACCELERATOR
from tests.pipelines.conftest import Workshop
from tests.pipelines.results import failure
from tests.support import wait_for

LEADER = {"model": "pretrain:llama", "engine": {"kind": "transformers"}, "max_context": 512, "max_new_tokens": 16}
LIMITED = {"telemetry": {"enabled": False}, "concurrency": {"pools": {"default_limit": 1}}}


@pytest.fixture
def limited(workshop: Workshop, tmp_path):
    """A workshop with one slot in every pool."""
    (tmp_path / "limited").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "limited"), LIMITED) as instance:
        yield workshop._replace(instance=instance)


@pytest.fixture
def refusing(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every phase ends at once with exit code 2."""
    script = workshop.folder / "phase.py"
    script.write_text(
        "from mlpo_core.progress import report_failure, session\n"
        "with session():\n    report_failure('no more of this')\nraise SystemExit(2)\n"
    )
    monkeypatch.setattr(launch, "COMMAND", (sys.executable, str(script)))


def claim(workshop: Workshop) -> None:
    """Let somebody else hold the only slot."""
    storage = workshop.instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(ACCELERATOR)
    assert storage.claim_concurrency_slot(ACCELERATOR, "other", "mlpo_leader").is_claimed


def free(workshop: Workshop) -> None:
    workshop.instance.event_log_storage.free_concurrency_slots_for_run("other")


def held(workshop: Workshop) -> list[str]:
    info = workshop.instance.event_log_storage.get_concurrency_info(ACCELERATOR)
    return [slot.step_key for slot in info.claimed_slots] + [step.step_key for step in info.pending_steps]


def test_reuse_and_what_does_not_apply_take_no_slot(limited: Workshop) -> None:
    limited.prepare()
    claim(limited)
    result = limited.materialize("base_models", "agent_proposals", "sft_leader")
    assert result.success, failure(result)
    assert set(held(limited)) == {"mlpo_leader"}


def test_work_waits_for_a_slot_says_behind_whom_and_gives_it_back(limited: Workshop, refusing: None) -> None:
    assert failure(limited.materialize("tasks")) == "no more of this", "no pool limits it"
    limited.prepare()
    limited.write(base_models={"seed": 2})
    claim(limited)
    assert failure(limited.materialize("base_models")) == "no more of this", "recorded agents hold no model"
    limited.write(leader=LEADER)
    results: list[dg.ExecuteInProcessResult] = []
    run = threading.Thread(target=lambda: results.append(limited.materialize("base_models")))
    run.start()
    said = "waiting for a slot of pool accelerator behind mlpo_leader of run other"
    try:
        wait_for(lambda: said in messages(limited), 60, "it says what it waits for")
        assert set(held(limited)) == {"mlpo_leader", "base_models"}
    finally:
        free(limited)
        run.join()
    assert failure(results[0]) == "no more of this", "the phase was started after all"
    assert held(limited) == []


def test_a_pool_without_a_limit_is_not_waited_for(workshop: Workshop, refusing: None) -> None:
    workshop.prepare()
    workshop.write(leader=LEADER)
    assert failure(workshop.materialize("base_models")) == "no more of this"
    assert held(workshop) == []


def messages(workshop: Workshop) -> str:
    [run, *_] = workshop.instance.get_runs(limit=1)
    return "\n".join(entry.user_message for entry in workshop.instance.all_logs(run.run_id))

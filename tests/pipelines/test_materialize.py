"""Materializing through a real instance, with real phases, on recorded responses."""

import base64
import html
import json
from io import BytesIO
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

from mlpo_core.store import Dataset, Store
from pipelines import launch
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.results import failure, metadata


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    def forbid() -> None:
        monkeypatch.setattr(launch.subprocess, "Popen", refuse)

    return forbid


def test_makes_versions_and_describes_them(workshop: Workshop) -> None:
    result = workshop.materialize(*RECORDED)
    assert result.success, failure(result)
    facts = metadata(result, "agent_proposals")
    ref = Store().pointed("votes", "agent_proposals")
    assert ref is not None
    assert facts["outcome"] == f"made version {ref.key}"
    assert facts["dagster/row_count"] == Dataset(ref).count() > 0
    assert facts["dagster/uri"] == ref.url
    preview = str(facts["preview"])
    assert "| proposal_id |" in preview
    assert "| question | gold answer | response |" in preview, "an answer stands beside what was asked"
    tasks = Store().pointed("votes", "tasks")
    assert tasks is not None
    answered = next(Dataset(ref).rows())["task_id"]
    [asked] = [row for row in Dataset(tasks).rows() if row["task_id"] == answered]
    assert f"| {asked['question']} | {asked['answer']} |" in html.unescape(preview)
    trace = Path(str(facts["trace.html"])).read_text()
    first = next(Dataset(ref).rows(["proposal_id", "task_id"]))
    assert all(f"<code>{row}</code>" in trace for row in first.values())
    [event] = result.asset_materializations_for_node("agent_proposals")
    assert event.tags is not None
    assert event.tags["dagster/data_version"].partition(".")[0] == ref.digest


def test_what_is_there_is_reused_without_a_process(workshop: Workshop, no_process) -> None:
    workshop.prepare()
    no_process()
    result = workshop.materialize(*RECORDED)
    assert result.success
    for asset in RECORDED:
        assert str(metadata(result, asset)["outcome"]).startswith("reused version")


def test_a_picture_is_written_once_and_a_run_that_reuses_writes_little(workshop: Workshop) -> None:
    workshop.prepare()
    result = workshop.materialize("hard_tasks")
    events = [dg.serialize_value(entry) for entry in workshop.instance.all_logs(result.run_id)]
    assert sum("data:image/png" in event for event in events) == 1
    written = sum(map(len, events))
    print(f"{written:,} bytes of events")
    assert written < 60_000
    shown = str(metadata(result, "hard_tasks")["plot: correct_rate"])
    picture = Image.open(BytesIO(base64.b64decode(shown.partition("base64,")[2].removesuffix(")"))))
    assert 300 < picture.width < 800, "as wide as the dialog"


def test_a_changed_setting_remakes_what_depends_on_it(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write(filter={"max_correct_rate": 0.8})
    result = workshop.materialize(*RECORDED)
    assert result.success
    assert {a: metadata(result, a)["reused"] for a in RECORDED} == {
        "tasks": True,
        "base_models": True,
        "agent_proposals": True,
        "hard_tasks": False,
    }


def test_a_changed_input_file_remakes_what_was_read_from_it(workshop: Workshop) -> None:
    workshop.prepare()
    with (workshop.folder / "recorded" / "math_tasks.jsonl").open("a") as file:
        file.write('{"id": "new", "question": "What is 500 + 1?", "target": "501"}\n')
    with (workshop.folder / "recorded" / "math_responses.jsonl").open("a") as file:
        for agent in ("good", "fair", "poor"):
            file.write(f'{{"task_id": "new", "agent": "{agent}", "response": "501"}}\n')
    result = workshop.materialize("tasks")
    assert metadata(result, "tasks")["reused"] is False


def test_an_asset_that_does_not_apply_says_why(workshop: Workshop) -> None:
    workshop.prepare()
    result = workshop.materialize("sft_dataset", "sft_leader")
    assert result.success, failure(result)
    assert metadata(result, "sft_leader")["outcome"] == "not part of this experiment: the experiment has no leader"
    assert Store().pointed("votes", "sft_leader") is None


def test_an_input_that_was_not_made_is_named(workshop: Workshop) -> None:
    result = workshop.materialize("hard_tasks")
    assert failure(result) == "agent_proposals has not been made for experiment votes: materialize it first"


def test_an_input_made_with_other_settings_is_refused(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write(proposals={"samples_per_agent": 1, "benchmark_samples": 3})
    result = workshop.materialize("hard_tasks")
    assert "agent_proposals was made before proposals.samples_per_agent" in failure(result)


def test_a_bad_file_fails_its_own_partition_only(workshop: Workshop) -> None:
    workshop.write("typo", filter={"max_corect_rate": 0.5})
    result = workshop.materialize("tasks", experiment="typo")
    assert "filter.max_corect_rate: unknown key" in failure(result)
    assert workshop.materialize("tasks").success


def test_a_deleted_file_is_one_clear_error_and_keeps_what_was_made(workshop: Workshop) -> None:
    assert workshop.materialize("tasks").success
    (workshop.folder / "experiments" / "votes.yaml").unlink()
    assert "votes.yaml: no such experiment file" in failure(workshop.materialize("tasks"))
    assert Store().pointed("votes", "tasks") is not None


def test_bad_input_found_by_a_phase_reaches_the_run(workshop: Workshop) -> None:
    workshop.prepare()
    path = workshop.folder / "recorded" / "math_responses.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1][:20]]) + "\n")
    text = failure(workshop.materialize("tasks", "base_models", "agent_proposals"))
    assert f"math_responses.jsonl, line {len(lines)}" in text


def test_a_filter_that_keeps_nothing_is_one_clear_error(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write(filter={"max_correct_rate": 0.01})
    assert "max_correct_rate" in failure(workshop.materialize("hard_tasks"))


def test_a_failed_blocking_check_stops_what_follows(workshop: Workshop) -> None:
    workshop.prepare()
    [path] = (workshop.folder / "root" / "hard_tasks").glob("*/checks.json")
    kept = json.loads(path.read_text())
    kept["findings"]["benchmarks_survive"]["passed"] = False
    path.write_text(json.dumps(kept))
    result = workshop.materialize("hard_tasks", "mlpo_dataset")
    assert not result.success
    assert result.asset_materializations_for_node("mlpo_dataset") == []
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert [(e.asset_key.to_user_string(), e.check_name) for e in failed] == [("hard_tasks", "benchmarks_survive")]


def test_a_fresh_run_makes_everything_again_and_says_whether_it_is_the_same(workshop: Workshop) -> None:
    assert workshop.materialize("tasks").success
    result = workshop.materialize("tasks", tags={"mlpo/fresh": "once more"})
    assert metadata(result, "tasks")["reused"] is False
    [check] = [e for e in result.get_asset_check_evaluations() if e.check_name == "reproduced"]
    assert check.passed
    assert check.description == "the same rows as before"

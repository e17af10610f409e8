"""The sensor and the schedule, evaluated against a real instance."""

import json
import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
from dagster._core.definitions.dynamic_partitions_request import AddDynamicPartitionsRequest

from mlpo_core.chain.experiments import find
from mlpo_core.store import Store
from pipelines.definitions import defs
from pipelines.defs.automation import experiment_files, failure_hook, nightly
from pipelines.partitions import changes
from pipelines.tags import APPROVED
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.results import failure
from tests.support import REPOSITORY

REPOSITORY_DEF = defs.get_repository_def()


def tick(workshop: Workshop, cursor: str | None) -> tuple[str, str | None]:
    """What the sensor says, and its cursor afterwards; what it asks for is done, as the daemon does it."""
    context = dg.build_sensor_context(instance=workshop.instance, cursor=cursor, repository_def=REPOSITORY_DEF)
    data = experiment_files.evaluate_tick(context)
    for request in data.dynamic_partitions_requests or ():
        if isinstance(request, AddDynamicPartitionsRequest):
            workshop.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        else:
            for key in request.partition_keys:
                workshop.instance.delete_dynamic_partition(request.partitions_def_name, key)
    for event in data.asset_events:
        workshop.instance.report_runless_asset_event(event)
    return str(data.skip_message), data.cursor


def partitions(workshop: Workshop) -> set[str]:
    return set(workshop.instance.get_dynamic_partitions("experiment"))


def test_the_sensor_registers_new_and_edited_files(workshop: Workshop) -> None:
    said, cursor = tick(workshop, None)
    assert said == "registered: votes; edited: none; retired: none"
    assert tick(workshop, cursor) == ("no experiment file and no code is new or edited", cursor)
    workshop.write(sweep={"filter.max_correct_rate": [0.5, 0.75], "seed": [1, 2]})
    workshop.write("second")
    said, cursor = tick(workshop, cursor)
    assert said.endswith("edited: votes; retired: none")
    assert partitions(workshop) == {
        "votes",
        "second",
        "votes--filter.max_correct_rate=0.5--seed=1",
        "votes--filter.max_correct_rate=0.5--seed=2",
        "votes--filter.max_correct_rate=0.75--seed=1",
        "votes--filter.max_correct_rate=0.75--seed=2",
    }


def test_a_file_that_does_not_parse_is_registered_by_its_name(workshop: Workshop) -> None:
    (workshop.folder / "experiments" / "broken.yaml").write_text("tasks: [")
    tick(workshop, None)
    assert partitions(workshop) == {"votes", "broken"}


def test_removed_and_renamed_files_retire_their_partitions_and_no_night_runs_them(workshop: Workshop) -> None:
    workshop.prepare()
    _, cursor = tick(workshop, None)
    assert [request.partition_key for request in requests(workshop)] == ["votes"]
    workshop.write("renamed")
    (workshop.folder / "experiments" / "votes.yaml").unlink()
    said, _ = tick(workshop, cursor)
    assert said == "registered: renamed; edited: none; retired: votes"
    assert partitions(workshop) == {"renamed"}
    assert requests(workshop) == []
    assert Store().pointed("votes", "tasks") is not None, "data are kept"


def test_nothing_is_retired_for_want_of_a_file_that_can_be_read(workshop: Workshop) -> None:
    points = {"votes", "votes--seed=1", "votes--seed=2"}
    workshop.write(sweep={"seed": [1, 2]})
    _, cursor = tick(workshop, None)
    file = workshop.folder / "experiments" / "votes.yaml"
    text = file.read_text()
    file.write_text("tasks: [")
    tick(workshop, cursor)
    assert partitions(workshop) == points
    file.unlink()
    tick(workshop, cursor)
    assert partitions(workshop) == points, "an empty folder is one that is not mounted"
    file.write_text(text.replace("- 2", ""))
    tick(workshop, cursor)
    assert partitions(workshop) == points - {"votes--seed=2"}


def test_points_can_be_hidden(workshop: Workshop) -> None:
    workshop.write(sweep={"seed": [1, 2]})
    _, cursor = tick(workshop, None)
    workshop.write(sweep={"seed": [1, 2]}, show_points=False)
    said, _ = tick(workshop, cursor)
    assert said.endswith("retired: votes--seed=1, votes--seed=2")
    assert find("votes--seed=2").seed == 2, "it still is an experiment"


def test_an_experiment_that_asks_makes_nothing_unasked(workshop: Workshop) -> None:
    workshop.prepare()
    workshop.write(ask=True)
    result = workshop.materialize(*RECORDED)
    assert result.success, "what is there does not ask"
    assert [request.partition_key for request in requests(workshop)] == ["votes"]
    workshop.write(ask=True, filter={"max_correct_rate": 0.8})
    assert requests(workshop) == [], "nobody is there at night to say yes"
    result = workshop.materialize("hard_tasks")
    assert "experiment votes asks before it makes anything" in failure(result)
    assert "launch this again with the tag mlpo/approved: votes" in failure(result)
    assert not workshop.materialize("hard_tasks", tags={APPROVED: "others"}).success
    assert workshop.materialize("hard_tasks", tags={APPROVED: "others, votes"}).success


def test_the_papers_experiment_asks_and_says_what_it_costs(workshop: Workshop, monkeypatch) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(REPOSITORY / "experiments"))
    assert "votes" not in changes(workshop.instance).new
    said = failure(workshop.materialize("tasks", experiment="paper"))
    assert re.search(r"paper asks before it makes anything: it takes about [\d,]+ GPU-hours", said), said


def test_a_sweep_point_is_an_experiment_of_its_own(workshop: Workshop) -> None:
    workshop.write(sweep={"seed": [1, 2]})
    result = workshop.materialize("tasks", experiment="votes--seed=2")
    assert result.success, failure(result)


def requests(workshop: Workshop) -> list[dg.RunRequest]:
    context = dg.build_schedule_context(
        instance=workshop.instance,
        repository_def=REPOSITORY_DEF,
        scheduled_execution_time=datetime(2026, 1, 2, 3, tzinfo=UTC),
    )
    data = nightly.evaluate_tick(context)
    return list(data.run_requests or [])


def test_the_schedule_runs_again_what_was_materialized(workshop: Workshop) -> None:
    assert requests(workshop) == []
    workshop.write("never_run")
    workshop.prepare()
    [request] = requests(workshop)
    assert request.partition_key == "votes"
    assert request.asset_selection == [dg.AssetKey(asset) for asset in RECORDED]


def test_the_failure_hook_posts_what_failed(workshop: Workshop, monkeypatch) -> None:
    posted: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLPO_FAILURE_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
    result = workshop.materialize("hard_tasks")
    logged = workshop.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    context = dg.build_run_status_sensor_context(
        sensor_name="failure_hook",
        dagster_instance=workshop.instance,
        dagster_run=result.dagster_run,
        dagster_event=logged[0].get_dagster_event(),
    )
    failure_hook(context.for_run_failure())
    server.shutdown()
    assert posted[0]["experiment"] == "votes"
    assert result.run_id in posted[0]["text"]

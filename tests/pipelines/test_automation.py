"""The sensor and the schedule, evaluated against a real instance."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg

from pipelines.definitions import defs
from pipelines.defs.automation import experiment_files, failure_hook, nightly
from tests.pipelines.conftest import RECORDED, Workshop
from tests.pipelines.results import failure

REPOSITORY_DEF = defs.get_repository_def()


def tick(workshop: Workshop, cursor: str | None) -> tuple[str, str | None]:
    """What the sensor says, and its cursor afterwards."""
    context = dg.build_sensor_context(instance=workshop.instance, cursor=cursor)
    said = experiment_files(context)
    assert isinstance(said, dg.SkipReason)
    return str(said.skip_message), context.cursor


def test_the_sensor_registers_new_and_edited_files(workshop: Workshop) -> None:
    said, cursor = tick(workshop, None)
    assert said == "registered: votes; edited: none"
    assert tick(workshop, cursor) == ("no experiment file is new or edited", cursor)
    workshop.write(sweep={"filter.max_correct_rate": [0.5, 0.75], "seed": [1, 2]})
    workshop.write("second")
    said, cursor = tick(workshop, cursor)
    assert said.endswith("edited: votes")
    assert set(workshop.instance.get_dynamic_partitions("experiment")) == {
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
    assert set(workshop.instance.get_dynamic_partitions("experiment")) == {"votes", "broken"}


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

"""The day of an operator, clicked through in the UI: a copy with another filter is made, stopped, retried and compared.

With `SCREENSHOTS=docs/images` (`make screenshots`) the pictures of the site are taken anew.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest
import yaml
from playwright.sync_api import Page, expect

from mlpo_core.listening import addresses
from mlpo_core.store import Dataset, Store
from pipelines.artifacts import VARIABLE
from pipelines.settings import latest_data_versions
from pipelines.slots import ACCELERATOR
from tests.conftest import TinyRun
from tests.pipelines.browser import (
    DESK,
    WIDE,
    browsing,
    choose,
    expand_groups,
    followed,
    launch,
    picture,
    row,
)
from tests.pipelines.webserver import TERMINATE, Server, serving
from tests.support import REPOSITORY, free_port, wait_for

pytestmark = pytest.mark.slow

STAGES_ALONE = 'not group:"settings"'
SHARED = f'(+key:"hard_tasks" or key:"benchmark_proposals") and {STAGES_ALONE}'
FOREVER = 20_000
CHANGES: Mapping[str, Mapping[str, object]] = {
    "sft": {"samples": 2, "steps": FOREVER},
    "mlpo": {"steps": 3},
    "grpo": {"steps": 3, "match": "steps"},
    "inference": {"rounds": 1},
    "benchmark": {"methods": ["single", "majority_vote", "mlpo_leader/team"]},
}
"""What the copy changes from the start: as little work as makes every asset, but for a mistake."""
WAIT_S = 300
RUN_S = 1500


class Lab(NamedTuple):
    """A store with what an experiment made, and an instance on it that knows nothing yet."""

    server: Server
    name: str
    experiment: dict[str, Any]
    instance: dg.DagsterInstance

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def copy(self) -> str:
        return f"{self.name}-copy"

    @property
    def twin(self) -> str:
        return f"{self.name}-twin"

    def runs(self, seen: set[str]) -> list[dg.DagsterRun]:
        """The runs that are not among those seen."""
        return [run for run in self.instance.get_runs() if run.run_id not in seen]

    def end(self) -> None:
        """End what still runs: a run outlives its server."""
        left = [run.run_id for run in self.runs(set()) if not run.is_finished]
        for run_id in left:
            self.server.ask(TERMINATE, id=run_id)
        wait_for(lambda: all(self.server.finished(run_id) for run_id in left), WAIT_S, "the runs have ended")

    def holder(self) -> str | None:
        """The run that holds the accelerator."""
        slots = self.instance.event_log_storage.get_concurrency_info(ACCELERATOR).claimed_slots
        return next((slot.run_id for slot in slots), None)


def write(folder: Path, name: str, experiment: dict[str, Any], **changes: Mapping[str, object]) -> None:
    """Write an experiment under a name, with some settings replaced; without its sweep."""
    sections = {section: {**experiment.get(section, {}), **change} for section, change in changes.items()}
    merged = {key: value for key, value in {**experiment, **sections, "name": name}.items() if key != "sweep"}
    (folder / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump(merged, sort_keys=False))


@contextmanager
def opened(root: Path, file: Path, folder: Path) -> Generator[Lab]:
    """Serve a store in which one experiment was made, with a copy of it, and a twin that uses the same versions."""
    experiment = yaml.safe_load(file.read_text())
    name = experiment["name"]
    shutil.copytree(root, folder / "root")
    shutil.copytree(folder / "root" / "experiments" / name, folder / "root" / "experiments" / f"{name}-twin")
    (folder / "experiments").mkdir()
    for other in (name, f"{name}-twin"):
        write(folder, other, experiment)
    write(folder, f"{name}-copy", experiment, **CHANGES)
    with pytest.MonkeyPatch.context() as patch:
        ports = {variable: free_port() for variable in (VARIABLE, addresses.VARIABLE)}
        for variable, port in ports.items():
            patch.setenv(variable, f"http://127.0.0.1:{port}")
        patch.setenv("MLPO_ROOT", str(folder / "root"))
        patch.setenv("MLPO_EXPERIMENTS", str(folder / "experiments"))
        with (
            pages(ports[VARIABLE], ports[addresses.VARIABLE]),
            serving(folder) as server,
            dg.DagsterInstance.from_config(str(folder)) as instance,
        ):
            lab = Lab(server, name, experiment, instance)
            try:
                yield lab
            finally:
                lab.end()


@contextmanager
def pages(port: int, viewer: int) -> Generator[None]:
    """Reports, traces and conversations over http."""
    command = [sys.executable, "-m", "pipelines.artifacts", "--port", str(port), "--viewer", str(viewer)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the viewer too
        process.wait(60)


@pytest.fixture(scope="module")
def lab(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab in which `tiny` was made."""
    folder = tmp_path_factory.mktemp("ui")
    with opened(Path(tiny_run.root), REPOSITORY / "experiments" / "tiny.yaml", folder) as lab:
        yield lab


def test_the_day_of_an_operator(lab: Lab, chromium: str, tmp_path: Path) -> None:
    with browsing(chromium, tmp_path) as page:
        copied(page, lab)
        edited(page, lab, tmp_path)
        training = begun(page, lab, tmp_path)
        night(page, lab, tmp_path, training)
        cancelled(page, lab, training)
        again = retried(page, lab, training)
        retired(page, lab)
        page.goto(f"{lab.base}/runs/{again}")
        assert wait_for(lambda: lab.server.finished(again), RUN_S, "the run has ended") == "SUCCESS"
        expect(page.get_by_text("Success", exact=True).first).to_be_visible()
        made = {entry["assetKey"]["path"][-1] for entry in lab.server.run(again)["assetMaterializations"]}
        assert {"hard_tasks", "sft_leader", "mlpo_leader", "benchmark_report", "leaderboard"} <= made
        assert made.isdisjoint(("tasks", "base_models", "agent_proposals", "benchmark_proposals"))
        inspected(page, lab, tmp_path)
        checked(page, lab)
        read(page, lab, tmp_path)
        compared(page, lab, tmp_path)
        drawn(page, lab, tmp_path)


def copied(page: Page, lab: Lab) -> None:
    """What the copy shares with the original is reused."""
    known = {lab.name, lab.copy, lab.twin}
    wait_for(lambda: set(lab.instance.get_dynamic_partitions("experiment")) == known, WAIT_S, "the files are seen")
    launch(page, lab.base, SHARED, 5, lab.copy)
    [run] = wait_for(lambda: lab.runs(set()), WAIT_S, "the run is launched")
    assert wait_for(lambda: lab.server.finished(run.run_id), WAIT_S, "the run has ended") == "SUCCESS"


def edited(page: Page, lab: Lab, folder: Path) -> None:
    """Another filter: its partition says what is stale, and why."""
    before = latest_data_versions(lab.instance, "hard_tasks")[lab.copy]
    write(lab.server.folder, lab.copy, lab.experiment, **CHANGES, filter={"max_correct_rate": threshold(lab)})
    look = lambda: latest_data_versions(lab.instance, "hard_tasks")[lab.copy] != before  # noqa: E731
    wait_for(look, WAIT_S, "the edit is seen")
    page.goto(f"{lab.base}/assets/hard_tasks?view=partitions&partition={lab.copy}")
    page.get_by_text("Unsynced (1)").hover()
    expect(page.get_by_text("has a new data version")).to_be_visible()
    picture(page, folder, "ui-stale", 502)
    page.goto(f"{lab.base}/assets/agent_proposals?view=partitions&partition={lab.copy}")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    expect(page.get_by_text("Unsynced (1)")).to_have_count(0)


def threshold(lab: Lab) -> float:
    """A stricter filter than the original's."""
    return lab.experiment.get("filter", {}).get("max_correct_rate", 0.75) - 0.25


def begun(page: Page, lab: Lab, folder: Path) -> str:
    """What is stale, and all after it, is launched and its log followed until a training is under way."""
    seen = {run.run_id for run in lab.runs(set())}
    launch(page, lab.base, 'key:"hard_tasks"+', 14, lab.copy)
    [run] = wait_for(lambda: lab.runs(seen), WAIT_S, "the run is launched")
    page.goto(f"{lab.base}/runs/{run.run_id}")
    expect(page.get_by_text(re.compile(rf"step \d+/{FOREVER}")).first).to_be_visible(timeout=RUN_S * 1000)
    picture(page, folder, "ui-follow")
    wait_for(lambda: lab.holder() == run.run_id, WAIT_S, "the training holds the slot")
    return run.run_id


def night(page: Page, lab: Lab, folder: Path, training: str) -> None:
    """Two partitions are backfilled and the schedule's tick is launched: what takes no slot ends behind a training."""
    seen = {run.run_id for run in lab.runs(set())}
    launch(page, lab.base, 'key:"benchmark_report"+', 3, lab.name, lab.twin)
    page.goto(f"{lab.base}/locations/mlpo/schedules/nightly")
    page.get_by_role("button", name="Preview tick result").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Launch all").wait_for()
    picture(page, folder, "ui-tick", 640)
    page.get_by_role("button", name="Launch all").click()

    def successes() -> set[tuple[str, str]]:
        runs = [run for run in lab.runs(seen) if run.is_success]
        return {(run.job_name, run.tags.get("dagster/partition", "")) for run in runs}

    nightly, filled = {("experiment_chain", lab.copy)}, {("__ASSET_JOB", lab.name), ("__ASSET_JOB", lab.twin)}
    wait_for(lambda: nightly | filled <= successes(), WAIT_S, "the tick's run and those of the backfill have ended")
    assert lab.holder() == training
    page.goto(f"{lab.base}/runs/b/{lab.instance.get_backfills()[0].backfill_id}")
    expect(page.get_by_text("benchmark_report").first).to_be_visible()
    picture(page, folder, "ui-backfill", 560)


def cancelled(page: Page, lab: Lab, training: str) -> None:
    """The mistake is seen: the run is ended, and its slot is free."""
    page.goto(f"{lab.base}/runs/{training}")
    page.get_by_role("button", name="Terminate").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Terminate")).click()
    wait_for(lambda: lab.server.finished(training) == "CANCELED", WAIT_S, "the run is cancelled")
    wait_for(lambda: lab.holder() is None, WAIT_S, "the slot is free")


def retried(page: Page, lab: Lab, training: str) -> str:
    """The file is put right and the run executed again; returns its id."""
    changes = {**CHANGES, "filter": {"max_correct_rate": threshold(lab)}, "sft": {"samples": 2, "steps": 5}}
    write(lab.server.folder, lab.copy, lab.experiment, **changes)
    page.goto(f"{lab.base}/runs/{training}")
    expect(page.get_by_text("Canceled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Re-execute all").click()
    page.wait_for_url(lambda url: "/runs/" in url and training not in url)
    return page.url.rsplit("/", 1)[1]


def retired(page: Page, lab: Lab) -> None:
    """An experiment whose file is removed has no partition any more; what it made is kept."""
    backfilled = lambda: lab.instance.get_backfills()[0].status.value == "COMPLETED_SUCCESS"  # noqa: E731
    wait_for(backfilled, WAIT_S, "the backfill, with the leaderboard, has ended")
    (lab.server.folder / "experiments" / f"{lab.twin}.yaml").unlink()
    left = {lab.name, lab.copy}
    wait_for(lambda: set(lab.instance.get_dynamic_partitions("experiment")) == left, WAIT_S, "the partition is retired")
    page.goto(f"{lab.base}/assets/benchmark_report?view=partitions")
    expect(page.get_by_text(lab.copy, exact=True).first).to_be_visible()
    expect(page.get_by_text(lab.twin, exact=True)).to_have_count(0)
    assert Store(str(lab.server.folder / "root")).pointed(lab.twin, "benchmark_report")


def inspected(page: Page, lab: Lab, folder: Path) -> None:
    """An asset says what it holds; pictures fit."""
    page.set_viewport_size({"width": 1280, "height": 1500})
    page.goto(f"{lab.base}/assets/hard_tasks")
    expect(row(page, "outcome")).to_contain_text("reused version")  # made by the run that was cancelled later
    expect(row(page, "reused")).to_contain_text("true")
    hard_tasks = Store(str(lab.server.folder / "root")).pointed(lab.copy, "hard_tasks")
    assert hard_tasks is not None
    preview = row(page, "preview")
    expect(preview).to_contain_text(next(Dataset(hard_tasks).rows())["task_id"])
    expect(preview).to_contain_text("gold answer")
    column = page.get_by_role("row").filter(has_text="n_correct / n")
    expect(column).to_contain_text("double")
    expect(column).to_contain_text("from agent_proposals.correct")
    below = row(page, "plots/correct_rate.png").bounding_box()
    assert below is not None
    picture(page, folder, "ui-asset", height=below["y"])  # what follows are addresses of this test
    shown(page, "plot: correct_rate")
    page.set_viewport_size(DESK)
    page.goto(f"{lab.base}/assets/mlpo_leader")
    expect(row(page, "outcome")).to_contain_text("made version")
    shown(page, "plot: training")


def shown(page: Page, key: str) -> None:
    """A plot opens in a dialog, and nothing of it is cut off."""
    row(page, key).get_by_text("Show Markdown").click()
    dialog = page.get_by_role("dialog")
    plot = dialog.locator("img")
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 100
    inner, outer = plot.bounding_box(), dialog.first.bounding_box()
    assert inner is not None and outer is not None
    assert outer["x"] <= inner["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"]


def checked(page: Page, lab: Lab) -> None:
    """A check of an asset with partitions cannot be executed for one; all of them can, for every experiment."""
    seen = {run.run_id for run in lab.runs(set())}
    page.goto(f"{lab.base}/assets/hard_tasks?view=checks&checkDetail=benchmarks_survive")
    expect(page.get_by_role("button", name=re.compile("Execute$"))).to_be_disabled()
    page.get_by_role("button", name="Execute all").click()
    [run] = wait_for(lambda: lab.runs(seen), WAIT_S, "the checks are launched")
    assert wait_for(lambda: lab.server.finished(run.run_id), WAIT_S, "the checks have ended") == "SUCCESS"


def read(page: Page, lab: Lab, folder: Path) -> None:
    """The report, a row's trace and the conversations open from where they are named."""
    page.goto(f"{lab.base}/assets/benchmark_report?partition={lab.copy}")
    with followed(page, "report.html") as report:
        expect(report.locator("table.headline")).to_be_visible()
    with followed(page, "trace.html") as trace:
        expect(trace.get_by_text("accuracy of mlpo_leader/team (T=1").first).to_be_visible()
        expect(trace.locator("summary").filter(has_text=re.compile("^tasks ")).first).to_be_visible()
        trace.screenshot(path=folder / "trace.png")
    with followed(page, "conversations") as conversations:
        expect(conversations.locator(".list .line").first).to_be_visible()


def compared(page: Page, lab: Lab, folder: Path) -> None:
    """The leaderboard has both experiments, and none that is gone."""
    page.goto(f"{lab.base}/assets/leaderboard")
    board = row(page, "leaderboard")
    for name in (lab.name, lab.copy):
        expect(board.get_by_text(name, exact=True)).to_be_visible()
    expect(board.get_by_text(lab.twin, exact=True)).to_have_count(0)
    picture(page, folder, "ui-leaderboard")


def drawn(page: Page, lab: Lab, folder: Path) -> None:
    """The graph shows every stage."""
    page.set_viewport_size(WIDE)
    page.goto(f"{lab.base}/asset-groups")
    choose(page, STAGES_ALONE)
    expand_groups(page)
    for asset in ("hard_tasks", "mlpo_leader", "benchmark_report"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    page.get_by_text("Hide navigation").click()
    page.get_by_label("panel_show_right").last.click()
    picture(page, folder, "ui-lineage", WIDE["height"], WIDE["width"])

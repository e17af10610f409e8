"""The UI as a user sees it: a copy of `tiny` with another filter is made by clicking, followed, and looked into.

With `SCREENSHOTS=docs/images` (`make screenshots`) the pictures of the README are taken anew.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import dagster as dg
import pytest
import yaml
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from mlpo_core.store import Dataset, Store
from pipelines.definitions import defs
from pipelines.partitions import register
from tests.pipelines.results import failure
from tests.pipelines.webserver import Server, configure, serving
from tests.support import REPOSITORY, wait_for

pytestmark = pytest.mark.slow

COPY = "tiny-copy"
UPSTREAM = ("tasks", "base_models", "agent_proposals", "benchmark_proposals")
STAGES_ALONE = 'not group:"settings"'
WIDE: ViewportSize = {"width": 3000, "height": 1000}
"""The chain from left to right, large enough that the graph writes names on it."""
PATIENCE_S = 120
RUN_S = 1500
CHANGES: dict[str, dict[str, object]] = {
    "filter": {"max_correct_rate": 0.5},
    "sft": {"samples": 2, "steps": 5},
    "mlpo": {"steps": 3},
    "grpo": {"steps": 3, "match": "steps"},
    "inference": {"rounds": 1},
    "benchmark": {"methods": ["single", "majority_vote", "mlpo_leader/team"]},
}
"""What the copy changes: the filter, and for the rest as little work as makes every asset."""


@pytest.fixture(scope="module")
def server(tiny_run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A store with the versions of `tiny`, and an instance in which the copy has all that is before the filter."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(tiny_run.root, folder / "root")
    (folder / "experiments").mkdir()
    experiment = yaml.safe_load((REPOSITORY / "experiments" / "tiny.yaml").read_text())
    for section, changes in CHANGES.items():
        experiment[section] = {**experiment.get(section, {}), **changes}
    (folder / "experiments" / f"{COPY}.yaml").write_text(yaml.safe_dump({**experiment, "name": COPY}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in configure(folder).items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            register(instance)
            result = defs.resolve_job_def("experiment_chain").execute_in_process(
                instance=instance,
                partition_key=COPY,
                asset_selection=[dg.AssetKey(asset) for asset in UPSTREAM],
                raise_on_error=False,
            )
            assert result.success, failure(result)
    with serving(folder) as server:
        yield server


def test_a_changed_filter_is_materialized_followed_and_inspected(server: Server, chromium: str, tmp_path: Path) -> None:
    with browsing(chromium, tmp_path) as page:
        base = f"http://127.0.0.1:{server.port}"
        page.set_viewport_size(WIDE)
        page.goto(f"{base}/asset-groups")
        choose(page, STAGES_ALONE)
        expand_groups(page)
        for asset in ("hard_tasks", "mlpo_leader", "benchmark_report"):
            expect(page.get_by_text(asset, exact=True).first).to_be_visible()
        launch(page, "hard_tasks", COPY)

        page.goto(f"{base}/runs")
        page.locator("a[href*='/runs/']").first.click()
        page.wait_for_url("**/runs/*-*")
        run_id = page.url.rsplit("/", 1)[1]
        assert ended(page) == "Success"
        page.screenshot(path=tmp_path / "run.png")
        made = {entry["assetKey"]["path"][-1] for entry in server.run(run_id)["assetMaterializations"]}
        assert {"hard_tasks", "sft_leader", "mlpo_leader", "benchmark_report"} <= made
        assert made.isdisjoint(UPSTREAM)

        page.set_viewport_size({"width": 1280, "height": 1500})
        page.goto(f"{base}/assets/hard_tasks")
        row = metadata(page)
        expect(row("outcome")).to_contain_text("made version")
        expect(row("reused")).to_contain_text("false")
        hard_tasks = Store(str(server.folder / "root")).pointed(COPY, "hard_tasks")
        assert hard_tasks is not None
        expect(row("preview")).to_contain_text(next(Dataset(hard_tasks).rows())["task_id"])
        column = page.get_by_role("row").filter(has_text="n_correct / n")
        expect(column).to_contain_text("double")
        expect(column).to_contain_text("from agent_proposals.correct")
        below = row("trace.html").bounding_box()
        assert below is not None
        picture(page, tmp_path, "ui-asset", height=below["y"])  # what follows is a path of this machine
        row("plot: correct_rate").get_by_text("Show Markdown").click()
        plot = page.get_by_role("dialog").locator("img")
        expect(plot).to_be_visible()
        assert plot.evaluate("image => image.naturalWidth") > 100

        page.goto(f"{base}/assets/benchmark_report")
        trace = metadata(page)("trace.html").get_by_text("trace.html").last.inner_text()
        page.goto(Path(trace).as_uri())
        expect(page.get_by_text("accuracy of mlpo_leader/team (T=1").first).to_be_visible()
        expect(page.locator("summary").filter(has_text=re.compile("^tasks ")).first).to_be_visible()
        page.screenshot(path=tmp_path / "trace.png")

        page.set_viewport_size(WIDE)
        page.goto(f"{base}/asset-groups")
        page.get_by_text("Hide navigation").click()
        page.get_by_label("panel_show_right").last.click()
        choose(page, STAGES_ALONE)
        expand_groups(page)
        picture(page, tmp_path, "ui-lineage", WIDE["height"], WIDE["width"])


@contextmanager
def browsing(chromium: str, folder: Path) -> Iterator[Page]:
    """A page of a real browser; a failure leaves what it showed and said in `folder`, and names it."""
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", lambda message: said.append(message.text))
        expect.set_options(timeout=PATIENCE_S * 1000)
        try:
            yield page
        except Exception as error:
            page.screenshot(path=folder / "failure.png")
            (folder / "console.log").write_text("\n".join(said))
            raise AssertionError(f"{page.url}: what it showed is in {folder} (failure.png, console.log)") from error
        finally:
            browser.close()


def expand_groups(page: Page) -> None:
    """Expand every group of the lineage graph, by its menu; the graph fills the window then."""
    page.get_by_text("proposals", exact=True).first.wait_for()
    item = page.get_by_role("menuitem", name="all groups")
    for wanted in ("Collapse all groups", "Expand all groups"):
        page.get_by_label("settings").last.click()
        item.wait_for()
        if wanted in item.inner_text():
            item.click()
        page.keyboard.press("Escape")
        expect(item).to_have_count(0)
    page.get_by_text("hard_tasks", exact=True).first.wait_for()


def choose(page: Page, selection: str) -> None:
    """Show only some assets of the lineage graph."""
    page.locator(".CodeMirror").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(selection)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def launch(page: Page, first: str, partition: str) -> None:
    """Materialize one partition of an asset and of every stage after it."""
    choose(page, f'key:"{first}"+ and not key:"leaderboard"')
    expect(page.get_by_text("base_models", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Select a partition").click()
    page.get_by_text(partition, exact=True).first.click()
    edge = dialog.first.bounding_box()
    assert edge is not None
    page.mouse.click(edge["x"] + edge["width"] - 4, edge["y"] + 4)  # closes the list, which can be above or below
    dialog.get_by_role("button", name="Launch 1 run").click()
    expect(dialog).to_have_count(0)


def ended(page: Page) -> str:
    """The status that a run's page shows in the end."""

    def status() -> str | None:
        shown = [s for s in ("Success", "Failure", "Canceled") if page.get_by_text(s, exact=True).count()]
        return shown[0] if shown else None

    return wait_for(status, RUN_S, "the run has ended")


def metadata(page: Page):
    """The row of a key in the table of an asset's metadata."""
    return lambda key: page.get_by_role("row").filter(has=page.get_by_text(key, exact=True)).last


def picture(page: Page, folder: Path, name: str, height: float = 1500, width: float = 1280) -> None:
    """A screenshot of the upper part of a page; with $SCREENSHOTS also a small one there."""
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    there = os.environ.get("SCREENSHOTS")
    page.wait_for_timeout(8000 if there else 500)  # what is still being loaded or moved
    image = page.screenshot(path=folder / f"{name}.png", clip=clip)
    if there:
        colours = Image.open(BytesIO(image)).convert("RGB").quantize(64, dither=Image.Dither.NONE)
        colours.save(Path(there) / f"{name}.png", optimize=True)

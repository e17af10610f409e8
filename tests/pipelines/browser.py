"""The Dagster UI in a real browser: how it is opened, what is clicked in it, and pictures of it.

With `SCREENSHOTS=docs/images` (`make screenshots`) the pictures of the site are taken anew.
"""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

WIDE: ViewportSize = {"width": 3000, "height": 1000}
"""The chain from left to right, large enough that the graph writes names on it."""
DESK: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_S = 120


@contextmanager
def browsing(chromium: str, folder: Path) -> Generator[Page]:
    """A page of a real browser; a failure leaves what it showed and said in `folder`, and names it."""
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        page = browser.new_page(viewport=DESK)
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


def launch(page: Page, base: str, selection: str, assets: int, *partitions: str) -> None:
    """Materialize some assets of one partition, or several, from the lineage graph."""
    page.set_viewport_size(WIDE)
    page.goto(f"{base}/asset-groups")
    choose(page, selection)
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    sure, list_ = dialog.get_by_role("button", name="Confirm"), dialog.get_by_text("Select a partition")
    expect(sure.or_(list_)).to_be_visible()
    if sure.count():  # nothing upstream has been materialized here
        sure.click()
    expect(dialog.get_by_text(f"materialize {assets} assets")).to_be_visible()
    list_.click()
    for partition in partitions:
        page.get_by_text(partition, exact=True).first.click()
    edge = dialog.first.bounding_box()
    assert edge is not None
    page.mouse.click(edge["x"] + edge["width"] - 4, edge["y"] + 4)  # closes the list, which can be above or below
    dialog.get_by_role("button", name="Launch 1 run" if len(partitions) == 1 else "Launch backfill").click()
    expect(dialog).to_have_count(0)
    page.set_viewport_size(DESK)


def row(page: Page, key: str) -> Locator:
    """The row of a key in the table of an asset's metadata."""
    return page.get_by_role("row").filter(has=page.get_by_text(key, exact=True)).last


@contextmanager
def followed(page: Page, key: str) -> Generator[Page]:
    """The page that a link in an asset's metadata opens."""
    with page.expect_popup() as popup:
        row(page, key).get_by_role("link", name=re.compile("^http")).click()
    popup.value.set_default_timeout(PATIENCE_S * 1000)
    yield popup.value
    popup.value.close()


def picture(page: Page, folder: Path, name: str, height: float = 900, width: float = 1280) -> None:
    """A screenshot of the upper part of a page; with $SCREENSHOTS also a small one there."""
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    there = os.environ.get("SCREENSHOTS")
    page.wait_for_timeout(8000 if there else 500)  # what is still being loaded or moved
    image = page.screenshot(path=folder / f"{name}.png", clip=clip)
    if there:
        colours = Image.open(BytesIO(image)).convert("RGB").quantize(64, dither=Image.Dither.NONE)
        colours.save(Path(there) / f"{name}.png", optimize=True)

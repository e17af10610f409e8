"""The viewer in a real browser, on a telephone and on a desk; hostile texts do nothing there.

With `SCREENSHOTS=docs/images` (`make screenshots`) the pictures of its how-to are taken anew.
"""

import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mlpo_core.listening import addresses
from mlpo_core.store import Store
from mlpo_core.viewer.library import Library
from tests.core.viewer import shelf
from tests.core.viewer.viewing import viewing

pytestmark = pytest.mark.slow

PATIENCE_MS = 60_000
LEFT = "net::ERR_ABORTED"
"""What became of a request of a page that was left meanwhile."""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def base(shelved: Store) -> Iterator[str]:
    with viewing(shelved) as address:
        yield address


def opened(browser: Browser, width: int) -> tuple[Page, list[str]]:
    """A page of some width, and what goes wrong on it."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url) if request.failure != LEFT else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    return page, wrong


def arrived(page: Page, address: str) -> None:
    """Wait for a page whose address matches, and for its script, which hears keys and choices."""
    expect(page).to_have_url(re.compile(address))
    expect(page.locator("html[data-keys]")).to_have_count(1)


def fits(page: Page) -> bool:
    """Whether nothing stands out of the page to the right, once its style has come."""
    page.wait_for_load_state("load")
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("width", [390, 1400])
def test_a_reader_filters_opens_reads_and_compares(browser: Browser, base: str, width: int) -> None:
    page, wrong = opened(browser, width)
    page.goto(base)
    page.get_by_role("link", name=shelf.NAME, exact=True).click()
    expect(page.locator(".list .line")).to_have_count(50)
    assert fits(page)

    page.locator(".kind", has_text="Right where no agent was").click()
    arrived(page, "outcome=synthesis")
    expect(page.get_by_role("heading", name=re.compile("^8 tasks"))).to_be_visible()
    page.get_by_label("Benchmark").select_option("mmlu")
    arrived(page, "benchmark=mmlu")
    assert "outcome=synthesis" in page.url
    page.get_by_label("Search").fill("11 plus 11")
    page.get_by_label("Search").press("Enter")
    expect(page.locator(".list .line")).to_have_count(1)
    assert fits(page)

    page.locator(".list .line").click()
    arrived(page, rf"/{shelf.task_id(11)}\?")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What is 11 plus 11?")
    rounds = page.locator(".round")
    expect(rounds).to_have_count(2)
    expect(rounds.nth(0).locator(".agents .said")).to_have_count(3)
    expect(rounds.nth(0).locator(".agents .verdict").first).to_have_text(re.compile("✗ wrong"))
    expect(rounds.nth(1).locator(".leader .verdict")).to_have_text(re.compile("✓ right"))
    expect(rounds.nth(1).locator(".leader .think pre")).to_contain_text("leader in round 1")
    assert fits(page)

    page.get_by_label("Compare with").select_option(shelf.SOLO)
    expect(page.locator(".column")).to_have_count(2)
    left, right = (page.locator(".column").nth(n).bounding_box() for n in range(2))
    assert left and right
    assert (right["x"] > left["x"]) if width > 1000 else (right["y"] > left["y"])
    assert fits(page)
    assert wrong == []
    page.close()


def test_the_keyboard_suffices(browser: Browser, base: str) -> None:
    page, wrong = opened(browser, 1400)
    page.goto(f"{base}{addresses.tasks(shelf.NAME)}")
    for key in ("j", "j", "k", "j", "Enter"):
        page.keyboard.press(key)
    arrived(page, rf"/{shelf.task_id(1)}\?")
    page.keyboard.press("n")
    arrived(page, rf"/{shelf.task_id(2)}\?")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What is 2 plus 2?")
    page.keyboard.press("j")
    expect(page.locator(".said").first).to_be_focused()
    page.keyboard.press("u")
    arrived(page, r"/tasks\?")
    page.keyboard.press("/")
    page.keyboard.type("12 plus j")
    expect(page.get_by_label("Search")).to_have_value("12 plus j")
    page.get_by_label("Search").press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert wrong == []
    page.close()


@pytest.mark.parametrize("width", [390, 1400])
def test_a_training_is_read_step_by_step_with_keys(browser: Browser, base: str, width: int) -> None:
    page, wrong = opened(browser, width)
    page.goto(f"{base}{addresses.tasks(shelf.NAME)}")
    page.get_by_role("link", name="Training").click()
    arrived(page, "/training$")
    expect(page.locator(".steps li")).to_have_count(50)
    assert fits(page)
    page.get_by_label("Leader").select_option("grpo_leader")
    arrived(page, "leader=grpo_leader")
    expect(page.locator(".steps li")).to_have_count(2)
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    arrived(page, r"/training/1\?leader=grpo_leader")
    expect(page.locator(".groups .dot")).to_have_count(8)
    assert fits(page)
    page.keyboard.press("n")
    arrived(page, r"/training/2\?")
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    arrived(page, r"/training/2/prompt-1\?")
    expect(page.locator(".said")).to_have_count(4)
    expect(page.locator(".said .think pre").first).to_contain_text("<script>window.pwned = 1</script>")
    page.get_by_text("The prompt").click()
    expect(page.locator(".task .think pre")).to_contain_text("The team says: nothing.")
    assert page.evaluate("window.pwned") is None and fits(page)
    page.keyboard.press("p")
    arrived(page, r"/training/2/prompt-0\?")
    page.keyboard.press("u")
    arrived(page, r"/training/2\?")
    page.keyboard.press("u")
    arrived(page, r"/training\?leader=grpo_leader")
    page.keyboard.press("u")
    arrived(page, "/tasks$")
    assert wrong == []
    page.close()


@pytest.mark.parametrize("width", [390, 1400])
def test_hostile_texts_are_shown_and_do_nothing(browser: Browser, base: str, width: int) -> None:
    page, wrong = opened(browser, width)
    page.goto(f"{base}{addresses.task(shelf.NAME, shelf.task_id(shelf.HOSTILE))}?vs={shelf.SOLO}")
    expect(page.locator(".said pre").first).to_contain_text("<script>window.pwned = 1</script>")
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main script, main style").count() == 0
    assert fits(page) and wrong == []
    page.goto(f"{base}{addresses.tasks(shelf.NAME)}?q=%3Cscript%3E&where=written")
    expect(page.locator(".list .line")).to_have_count(1)
    assert fits(page) and wrong == []
    page.close()


def test_what_a_real_chain_made_is_read(browser: Browser, tiny_run, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    stated = tiny_run.dataset("benchmark_predictions").manifest.stats["accuracy"]
    for way, by_seed in Library(Store(tiny_run.root)).volume("tiny").index.ways.items():
        share = np.mean([answers.verdict == 1 for answers in by_seed.values()])
        assert stated[way.method][f"T={way.rounds}"] == pytest.approx(share, abs=1e-4)
    with viewing(Store(tiny_run.root)) as base:
        assert look(browser, base, pictures) == []


def look(browser: Browser, base: str, pictures: Path) -> list[str]:
    """Take the list and a group of a training on a desk, a conversation on a telephone; returns what went wrong."""
    page, wrong = opened(browser, 1400)
    page.goto(f"{base}{addresses.tasks('tiny')}?vs=mlpo_leader/solo&differ=first")
    expect(page.locator(".list .line").first).to_be_visible()
    picture(page, pictures / "view-tasks.png")
    path = page.locator(".list .line").first.get_attribute("href")
    page.close()
    page, also_wrong = opened(browser, 390)
    page.goto(f"{base}{(path or '').partition('?')[0]}")
    expect(page.locator(".round")).to_have_count(5)
    assert fits(page)
    picture(page, pictures / "view-task.png")
    page.close()
    page, wrong_too = opened(browser, 1400)
    page.goto(f"{base}{addresses.training('tiny')}")
    page.locator(".steps .line").first.click()
    page.locator(".groups .line").first.click()
    expect(page.locator(".said").first).to_be_visible()
    assert fits(page)
    picture(page, pictures / "view-training.png")
    page.close()
    return wrong + also_wrong + wrong_too


def picture(page: Page, file: Path) -> None:
    """A small picture of what stands on the screen."""
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)

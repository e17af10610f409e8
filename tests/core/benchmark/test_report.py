"""The report through the real store and in a real browser."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlpo_core.benchmark.metric import from_table
from mlpo_core.benchmark.report.compare import Side, side_by_side
from mlpo_core.benchmark.report.headline import headline_text
from mlpo_core.benchmark.report.lookup import way_of
from mlpo_core.benchmark.report.make import make as run
from mlpo_core.benchmark.report.views import View, markdown
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Origin
from tests.core.benchmark import synthetic

HOSTILE = '</pre><script>document.title="owned"</script><img src=x onerror=alert(1)>`|[a](javascript:x)'

# Nothing is cut off, except in the tables that scroll by themselves.
OUTSIDE = """width => [...document.querySelectorAll('body *')]
    .filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > width + 1)
    .map(e => e.outerHTML.slice(0, 80))"""


def commit(ctx):
    stats = run(ctx)
    manifest = ctx.writer.commit(Origin({}, {}, {}, {"code": "1"}), stats)
    ref = ctx.store.find("benchmark_report", manifest.key)
    assert ref
    return Dataset(ref)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return commit(synthetic.build(tmp_path_factory.mktemp("store")))


def html(report):
    return report.read_file("report.html").decode()


def test_the_figures_are_the_rows_and_the_file(report):
    rows = from_table(report.table())
    assert report.manifest.files.keys() >= {"report.html", "report.md", "metrics.parquet", "plots/accuracy.png"}
    assert pq.read_table(Path(report.ref.url.removeprefix("file://")) / "metrics.parquet").equals(report.table())
    tables = {row.table for row in rows}
    assert tables >= {"accuracy", "comparison", "cost", "right_agents", "wrong_majority", "shown", "training", "total"}


def test_the_page_needs_no_network_and_stays_small(report):
    page = html(report)
    assert not re.search(r'(src|href)\s*=(?!"#|"data:|"http://127.0.0.1:3090/)', page)
    assert "<script" not in page
    assert "url(" not in page
    assert len(page) < 400_000
    assert report.manifest.files["plots/accuracy.png"].bytes < 100_000


def test_pointing_at_a_mark_tells_method_figure_and_interval(report):
    (row,) = (m for m in from_table(report.table()) if m[:3] == ("accuracy", "all", "majority_vote@3") and m.interval)
    figures = f"{100 * row.value:.1f} ({100 * row.low:.1f}–{100 * row.high:.1f}) %"
    assert f"<title>majority_vote@3: {figures}, 90 tokens</title>" in html(report)
    assert "<title>grpo_leader, step 12: 52.0%</title>" in html(report)


def test_what_never_moves_is_not_drawn(tmp_path):
    def still(asset, rows):
        for row in rows:
            if row.get("metric") == "correct":
                row["value"] = 0.5
        return rows

    drawn = html(commit(synthetic.build(tmp_path, tests=20, change=still)))
    assert "Sampled answers that are right" not in drawn and "Dev accuracy with team" in drawn


def test_a_lead_says_at_which_rounds(report):
    table = report.manifest.stats["headline_table"]
    column = table["columns"].index("mlpo_leader/team over it")
    lead = {row[0]: row[column] for row in table["rows"]}
    assert lead["mlpo_leader/team T=1"].startswith("T=2: ")  # the same leader with more rounds, not against itself
    assert lead["untrained_leader/team T=1"].startswith("T=1: +")
    assert lead["mlpo_leader/team T=2"] == "–"


def test_the_page_says_what_a_reviewer_asks(report):
    page = html(report)
    for text in (
        "math: its published test set is divided",
        "One seed, so there is no interval over seeds",
        "Not run: debate",
        "not selected in benchmark.methods",
        "SCoRe",
        "ACC-Collab",
        "python -m mlpo_core run benchmark_report --experiment synthetic",
        "lab/alpha",
        "synthetic-key",
        "samples_per_agent: 4",
    ):
        assert text in page, text
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).lower().split()


def test_every_way_of_answering_is_on_the_page_and_in_the_markdown(report):
    text = report.read_file("report.md").decode()
    for method, rounds in synthetic.WAYS:
        label = f"{method} T={rounds}" if rounds else method
        assert f"| {label} " in text
        assert method.rpartition("/")[2] in html(report)


def test_training_is_counted_in_rollouts_and_updates(report):
    # 12 steps of the synthetic log: updates of 100 tokens and a hundredth of the step; the baseline did not log them
    text = report.read_file("report.md").decode()
    assert "| mlpo_leader | 12 | 5,000 | 1,201 |" in text
    assert "| sft_leader | 12 | 0 | 900 |" in text
    assert "| grpo_leader | 12 | not logged | not logged |" in text
    assert "7,101 tokens in training (not all logged)" in text


def test_every_comparison_says_what_was_equal(report):
    text = report.read_file("report.md").decode().partition("## At what budgets")[2].partition("## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    found = {(row[0], row[1]): row[2:] for row in rows[2:]}
    figures = from_table(report.table())
    compared = {(str(way_of(m)), m.versus) for m in figures if (m.table, m.metric) == ("comparison", "difference")}
    assert set(found) == compared
    # 5,000 and 1,201 tokens of its own after 900 of fine-tuning, in twelve steps each
    later, first = "mlpo_leader/team T=2", "mlpo_leader/team T=1"
    assert found[later, first] == ["equal (7,101)", "equal (24)", "8 : 4", "240 : 120"]
    assert found[first, "majority_vote@3"] == ["7,101 : 0", "24 : 0", "4 : 3", "120 : 90"]
    assert found[first, "sft_leader/team T=1"][:2] == ["7,101 : 900", "24 : 12"]


def test_latency_that_was_not_measured_says_so(report):
    costs = report.read_file("report.md").decode().partition("## Cost of one answer")[2].partition("## ")[0]
    (row,) = (line for line in costs.splitlines() if line.startswith("| mlpo_leader/solo "))
    assert row.count("not measured") == 2


def test_the_luck_of_drawn_ties_is_shown(report):
    """In the synthetic vote every drawn tie of three answers, one of them right, is lost."""
    ties = report.read_file("report.md").decode().partition("## Ties in votes")[2].partition("## ")[0]
    (row,) = (line for line in ties.splitlines() if line.startswith("| majority_vote@3 "))
    share, drawn, expected, luck = (float(cell.replace("−", "-")) for cell in row.split("|")[2:6])
    assert expected == pytest.approx(drawn + share / 3, abs=0.11)
    assert luck == pytest.approx(drawn - expected, abs=0.11) and luck < 0


def test_the_page_is_well_formed(report):
    class Balance(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attrs):
            if tag not in {"meta", "br", "wbr", "img"}:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_startendtag(self, tag, attrs):
            pass

    parser = Balance()
    parser.feed(html(report))
    assert parser.open == []


def test_the_headline_as_text(report):
    text = headline_text(report.manifest)
    assert text.splitlines()[2].startswith("mlpo_leader/team")
    assert headline_text(report.manifest.stats) == text
    assert "is significantly better than" in text


def test_the_headline_as_numbers_that_can_be_drawn(report):
    stats = report.manifest.stats
    numbers = stats["headline"]
    assert all(type(value) is float for value in numbers.values())
    reference = next(row for row in stats["headline_table"]["rows"] if row[0].startswith("mlpo_leader/team"))
    assert f"{numbers[f'accuracy, %: {reference[0]}']:.1f}" == reference[1]
    [voted] = [row for row in stats["headline_table"]["rows"] if row[0] == "majority_vote@3"]
    lead = numbers["lead of mlpo_leader/team, points: over majority_vote@3"]
    assert f"{lead:+.1f}".replace("-", "−") in voted[3]
    assert numbers["tokens per answer: majority_vote@3"] > 0
    assert numbers["seconds of all stages"] > 0


def test_the_same_predictions_give_the_same_digest(tmp_path):
    digests = {commit(synthetic.build(tmp_path / str(i), tests=30)).ref.digest for i in range(2)}
    assert len(digests) == 1


def test_several_seeds_are_reported_with_an_interval(tmp_path):
    report = commit(synthetic.build(tmp_path, tests=40, seeds=(1, 2, 3)))
    page = html(report)
    assert "no interval over seeds" not in page
    assert "Mean of 3 seeds" in page
    found = [m for m in from_table(report.table()) if m.metric == "accuracy_over_seeds"]
    assert all(m.low is not None for m in found)


def test_without_a_leader_the_team_is_reported(tmp_path):
    ways = {way: chances for way, chances in synthetic.WAYS.items() if "leader" not in way[0]}
    page = html(commit(synthetic.build(tmp_path, tests=40, ways=ways)))
    assert "How good is this team without a leader" in page


def test_hostile_text_is_shown_and_not_run(tmp_path, report):
    def poison(asset, rows):
        for row in rows:
            for column in ("subject", "prompt", "completion"):
                if column in row:
                    row[column] = row[column] + HOSTILE
        return rows

    ways = {**synthetic.WAYS, (f"other{HOSTILE}", 0): (0, 0, 0, 0)}
    found = commit(synthetic.build(tmp_path, tests=20, change=poison, ways=ways))
    page = html(found)
    assert "<script" not in page and "<img" not in page
    assert "&lt;script&gt;" in page
    text = found.read_file("report.md").decode()
    assert "<script" not in text and "<img" not in text
    assert "[a](javascript" not in text


def test_markdown_cells_cannot_break_the_table():
    text = markdown(View("k", "t", "c", ["a|b", "n"], [["x\n| y", "<b>`*"]]))
    assert text.splitlines()[-1] == r"| x \| y | &lt;b&gt;\`\* |"


def test_what_cannot_be_compared_is_refused(tmp_path):
    def drop(asset, rows):
        return rows[1:] if asset == "benchmark_predictions" else rows

    with pytest.raises(BadInput, match="not answered: single:alpha seed 1 task task0040"):
        run(synthetic.build(tmp_path, tests=20, change=drop))


def side(ctx):
    report = commit(ctx)
    return Side(ctx.experiment, ctx.inputs["tasks"], ctx.inputs["benchmark_predictions"], report)


def test_two_experiments_side_by_side(tmp_path):
    def worse(asset, rows):
        for row in rows:
            if row.get("method") == "mlpo_leader/team":
                row.update(correct=False, extracted="0")
        return rows

    first = side(synthetic.build(tmp_path, tests=60))
    weaker = synthetic.experiment("weaker", filter={"max_correct_rate": 0.5})
    second = side(synthetic.build(tmp_path, weaker, tests=60, change=worse))
    page = side_by_side(first, second)
    assert "| filter.max_correct_rate | 0.75 | 0.5 |" in page.markdown
    row = next(line for line in page.markdown.splitlines() if line.startswith("| mlpo_leader/team T=1"))
    assert row.split(" | ")[2].startswith("0.0 (") and row.endswith("worse |")
    unchanged = next(line for line in page.markdown.splitlines() if line.startswith("| mlpo_leader/solo"))
    assert "+0.0" in unchanged and "no significant difference" in unchanged
    assert b"<script" not in page.html


def test_different_test_tasks_are_not_tested_in_pairs(tmp_path):
    first = side(synthetic.build(tmp_path, tests=30))
    second = side(synthetic.build(tmp_path, synthetic.experiment("more"), tests=33))
    page = side_by_side(first, second)
    assert "3 only in more (task0070, task0071, task0072)" in page.markdown
    assert "p Holm" not in page.markdown


def test_teams_of_several_sizes_share_one_picture(tmp_path):
    """Over K on one page: a line through the experiments per method, and the front over all of them, by hand."""

    def costing(times):
        """Right: one agent on half of the tasks, the leader alone on all of them at K=2, and with its team nowhere."""

        def change(asset, rows):
            for row in rows if asset == "benchmark_predictions" else ():
                row["prompt_tokens"] = times * row["prompt_tokens"] // (2 if row["method"] == "single:alpha" else 1)
                right = {"mlpo_leader/solo": times == 1, "single:alpha": int(row["task_id"][-1]) % 2 == 0}
                correct = right.get(row["method"], row["method"] == "majority_vote@4")
                row.update(correct=correct, extracted="1" if correct else "0")
            return rows

        return change

    def team(name, k):
        agents = [{"name": a, "model": f"lab/{a}"} for a in ("alpha", "beta", "gamma", "delta")[:k]]
        return synthetic.experiment(name, team={"agents": agents})

    sides = []
    for k, times in ((4, 3), (2, 1), (3, 2)):
        ways = [("mlpo_leader/team", 1), ("mlpo_leader/solo", 0), ("single:alpha", 0), (f"majority_vote@{k}", 0)]
        chances = dict.fromkeys(ways, (0, 0, 0, 0))
        made = synthetic.build(tmp_path, team(f"k{k}", k), tests=20, change=costing(times), ways=chances)
        sides.append(side(made))
    page = side_by_side(*sides)
    front = page.markdown.partition("## Worth their tokens")[2].partition("## ")[0].splitlines()
    assert [line for line in front if line.startswith(("| mlpo", "| maj", "| single"))] == [
        "| single:alpha | k2 | 2 | 20 | 50.0 |",
        "| mlpo_leader/solo | k2 | 2 | 30 | 100.0 |",
    ]
    assert "| mlpo_leader/team T=1 | 0.0 (" in page.markdown
    assert "## What was set differently" in page.markdown and "p Holm" not in page.markdown
    drawn = page.html.decode().partition('<div class="grid-of-plots">')[2].partition("</figure>")[0]
    names = drawn.partition('<ul class="numbers">')[2]
    assert "majority_vote@K" in names and "majority_vote@2" not in names
    lines = [title for title in re.findall("<title>(.*?)</title>", drawn) if ": " not in title]
    assert sorted(lines) == [
        "Pareto front",
        "majority_vote@K",
        "mlpo_leader/solo",
        "mlpo_leader/team T=1",
        "single:alpha",
    ]
    assert "<title>mlpo_leader/solo, k2: 100.0 %, 30 tokens</title>" in drawn


def test_no_overflow_in_a_browser(report, tmp_path, chromium):
    from playwright.sync_api import sync_playwright

    page_file = tmp_path / "report.html"
    page_file.write_bytes(report.read_file("report.html"))
    problems = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        page = browser.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda request: problems.append(request.url) if request.url[:4] == "http" else None)
        for width in (390, 1400):
            page.set_viewport_size({"width": width, "height": 850})
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE, width) == []
            # The question, the findings, the cost and the best method are on the first screen.
            for selector in ("h1", ".findings li:last-child", "table.headline tbody tr:first-child"):
                box = page.locator(selector).bounding_box()
                assert box and box["y"] + box["height"] <= 850, selector
            assert page.screenshot(path=tmp_path / f"report-{width}.png", full_page=True)
        browser.close()
    assert problems == []

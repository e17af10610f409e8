"""Draws the pictures of docs/real-team.md from a report: python -m scripts.draw_team EXPERIMENT FOLDER."""

import sys
from pathlib import Path

from mlpo_core.benchmark.metric import from_table
from mlpo_core.benchmark.report.lookup import Figures
from mlpo_core.benchmark.report.team_views import errors_chart, gains_chart, sizes_chart
from mlpo_core.chain.experiments import read
from mlpo_core.chain.spec import versions
from mlpo_core.charts.render import svg
from mlpo_core.store import Dataset, Store


def main(experiment: str, folder: str) -> None:
    """Write `<experiment>-{over-k,gains,errors}.svg`, on white."""
    report = Dataset(versions(read(experiment), Store(None))["benchmark_report"])
    figures = Figures(from_table(report.table()))
    for name, draw in (("over-k", sizes_chart), ("gains", gains_chart), ("errors", errors_chart)):
        if chart := draw(figures):
            Path(folder, f"{experiment}-{name}.svg").write_text(svg(chart, "white"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The report of an experiment: one self-contained HTML file, the same tables as Markdown, and every figure as a row."""

from typing import TYPE_CHECKING, Any

from mlpo_core.benchmark.report.headline import headline_text

if TYPE_CHECKING:
    from mlpo_core.run import Context

__all__ = ["headline_text", "run"]


def run(ctx: "Context") -> dict[str, Any]:
    """Make the `benchmark_report` asset."""
    from mlpo_core.benchmark.report.make import make

    return make(ctx)

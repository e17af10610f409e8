"""What `python -m mlpo_core report` prints, after making the report where it is not there yet."""

from mlpo_core.benchmark.report.compare import Side, side_by_side
from mlpo_core.benchmark.report.headline import headline_text
from mlpo_core.config import Experiment
from mlpo_core.run import resolve, run
from mlpo_core.store import Dataset, Store


def show(experiment: Experiment, store: Store) -> str:
    """The headline table of an experiment, and where its report is.

    Raises:
        BadInput: A stage before the report has not been made; names it and the command.
    """
    report = _report(experiment, store)
    return f"{headline_text(report.manifest)}\n\n{report.ref.url}/report.html"


def show_comparison(first: Experiment, second: Experiment, store: Store) -> str:
    """Compare two experiments; returns where the page and its Markdown were written."""
    page = side_by_side(_side(first, store), _side(second, store))
    folder = store.folder.join("comparisons")
    name = f"{first.name}_and_{second.name}"
    folder.replace(f"{name}.html", page.html)
    folder.replace(f"{name}.md", page.markdown.encode())
    return f"{folder.url}/{name}.html\n{folder.url}/{name}.md"


def _side(experiment: Experiment, store: Store) -> Side:
    report = _report(experiment, store)
    inputs = resolve("benchmark_report", experiment, store).inputs
    tasks, predictions = (Dataset(ref) for a in ("tasks", "benchmark_predictions") if (ref := inputs[a]))
    return Side(experiment, tasks, predictions, report)


def _report(experiment: Experiment, store: Store) -> Dataset:
    outcome = run(resolve("benchmark_report", experiment, store))
    assert outcome.ref
    return Dataset(outcome.ref)

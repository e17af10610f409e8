"""An experiment's report, or several experiments side by side."""

import argparse
import re
from collections.abc import Sequence

from mlpo_core.benchmark.report.compare import Side, side_by_side
from mlpo_core.benchmark.report.headline import headline_text
from mlpo_core.chain.experiments import find, read
from mlpo_core.chain.keys import key
from mlpo_core.chain.run import run as run_stage
from mlpo_core.chain.spec import resolve
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.files import points
from mlpo_core.progress import say
from mlpo_core.store import Dataset, Store
from mlpo_core.types import stable_id


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--experiment", help="name in experiments/, or a YAML file")
    parser.add_argument(
        "--compare", nargs="+", metavar="NAME", help="experiments to put on a page; one alone: its sweep's points"
    )
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    parser.add_argument("--root", help="where data live")


def run(options: argparse.Namespace) -> None:
    """Print the headline and where the report is, after making it where it is not there yet."""
    store = Store(options.root)
    if bool(options.compare) == bool(options.experiment):
        raise BadInput("report needs --experiment NAME or --compare A B …")
    if options.compare:
        say(show_comparison([read(name, tuple(options.set)) for name in options.compare], store))
    else:
        say(show(read(options.experiment, tuple(options.set)), store))


def show(experiment: Experiment, store: Store) -> str:
    """The headline table of an experiment, and where its report is.

    Raises:
        BadInput: A stage before the report has not been made; names it and the command.
    """
    report = _report(experiment, store)
    return f"{headline_text(report.manifest)}\n\n{report.ref.url}/{report.manifest.stored_name('report.html')}"


def show_comparison(experiments: Sequence[Experiment], store: Store) -> str:
    """Compare experiments; returns where the page and its Markdown were written.

    Args:
        experiments: Two or more; a single one stands for the points of its sweep.
        store: The root.

    Raises:
        BadInput: There is nothing to compare with, or something has not been made; names it and the command.
    """
    name = "_and_".join(e.name for e in experiments[:2])
    if len(experiments) == 1:
        name = f"{experiments[0].name}_sweep"
        experiments = [find(point) for point in points(experiments[0])]
    elif len(experiments) > 2:
        name += f"_and_{len(experiments) - 2}_more_{stable_id(*(e.name for e in experiments), length=6)}"
    if len(experiments) < 2:
        raise BadInput(f"report --compare {name.removesuffix('_sweep')}: it has no sweep: name two experiments or more")
    page = side_by_side(*(_side(experiment, store) for experiment in experiments))
    folder, file = store.own("comparisons"), _file_of(name)
    folder.replace(f"{file}.html", page.html)
    folder.replace(f"{file}.md", page.markdown.encode())
    return f"{folder.url}/{file}.html\n{folder.url}/{file}.md"


def _file_of(name: str) -> str:
    """The name of a comparison's files: that of what it compares where a file can be called so, else a digest of it."""
    return name if re.fullmatch(r"[\w.,=+\[\]-]{1,200}", name, re.ASCII) else f"of_{stable_id(name, length=12)}"


def _side(experiment: Experiment, store: Store) -> Side:
    report = _report(experiment, store)
    inputs = resolve("benchmark_report", experiment, store).inputs
    tasks, predictions = (
        Dataset(ref, sets_aside=False) for a in ("tasks", "benchmark_predictions") if (ref := inputs[a])
    )
    return Side(experiment, tasks, predictions, report)


def _report(experiment: Experiment, store: Store) -> Dataset:
    spec = resolve("benchmark_report", experiment, store)
    # What is there is only read: the root may be read-only, or its disk full.
    ref = store.find(spec.asset, key(spec.asset, spec.source)) or run_stage(spec).ref
    assert ref  # noqa: S101 - narrows a type
    return Dataset(ref, sets_aside=False)

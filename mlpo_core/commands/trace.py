"""The rows that led to an id, what it led to, and which rollouts taught the leaders behind it."""

import argparse
from pathlib import Path

from mlpo_core.chain.trace import datasets
from mlpo_core.chain.trace_page import page, text
from mlpo_core.chain.trace_training import trained
from mlpo_core.errors import BadInput
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("id", metavar="ID", help="a task, proposal, trace, prompt, generation or prediction id")
    parser.add_argument("--experiment", help="experiment to look in (default: all)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the rows' whole text instead")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Print or write the trace, from the first experiment that has the id."""
    store = Store(options.root)
    partitions = [options.experiment] if options.experiment else sorted({use.partition for use in store.pointers()})
    refusals: list[str] = []
    for partition in partitions:
        try:
            chain, leaders = datasets(store, partition), trained(store, partition)
            if options.html:
                options.html.write_bytes(page(chain, options.id, leaders, partition))
            else:
                say(f"experiment {partition}\n{text(chain, options.id, leaders, partition)}")
            return
        except BadInput as error:
            refusals.append(str(error))
    raise BadInput("\n".join(refusals) or f"no experiment has been run under {store.root}")

"""Make the chain of every point of an experiment's sweep."""

import argparse

from mlpo_core.chain.experiments import find
from mlpo_core.chain.points import make_points
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="NAME", help="name in experiments/")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="points whose names contain it")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Make what is missing of every point; what points share is made once."""
    made = make_points(find(options.experiment), Store(options.root), options.only)
    say(f"{options.experiment}: {made} phases run; every point is there")

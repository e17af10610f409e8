"""Lay out where the leader of an experiment pays, over the points of its sweep."""

import argparse

from mlpo_core.chain.experiments import find
from mlpo_core.maps.write import write_map
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="NAME", help="name in experiments/")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Write the page of what has been made so far, and print its rules."""
    say(write_map(find(options.experiment), Store(options.root)))

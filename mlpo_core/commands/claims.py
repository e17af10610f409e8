"""Test what an experiment claims over the points of its sweep."""

import argparse

from mlpo_core.chain.experiments import find
from mlpo_core.claims.write import write_claims
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="NAME", help="name in experiments/")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Write the page of claims and print its tables."""
    say(write_claims(find(options.experiment), Store(options.root)))

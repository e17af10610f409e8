"""What will pay for an experiment's team, told from its dev tasks: a vote, a weighted vote, rounds or a leader."""

import argparse

from mlpo_core.advice.asking import Asked
from mlpo_core.advice.inputs import inputs
from mlpo_core.advice.make import advise
from mlpo_core.advice.page import page
from mlpo_core.chain.experiments import read
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="FILE", help="a YAML file, or a name in experiments/")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Measure what has been made, and print the advice; nothing is generated."""
    settings = tuple(options.set)
    experiment = read(options.experiment, settings)
    asked = Asked(options.experiment, settings, options.root or "")
    say(page(advise(experiment, inputs(experiment, Store(options.root)), asked)))

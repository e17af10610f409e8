"""Let versions stand that older code made."""

import argparse

from mlpo_core.chain.acceptance import accept
from mlpo_core.chain.experiments import read
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="a name in experiments/ or a YAML file")
    parser.add_argument("assets", nargs="*", metavar="ASSET", help="only these (default: every asset of the chain)")
    parser.add_argument("--why", required=True, metavar="TEXT", help="what changed, and why the rows are the same")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Record the acceptance, and print which version stands for which code."""
    experiment = read(options.experiment, tuple(options.set))
    found = list(accept(experiment, Store(options.root), options.why, options.assets))
    for accepted in found:
        say(f"{accepted.asset}: {accepted.ref.key}, made by code {accepted.made_by}, stands for {accepted.code}")
    say(f"{len(found)} versions accepted" if found else "nothing to accept: no version differs in its code alone")

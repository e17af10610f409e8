"""Make the whole chain of an experiment, or one asset of it."""

import argparse
from pathlib import Path

from mlpo_core.chain.experiments import read
from mlpo_core.chain.points import make_chain
from mlpo_core.chain.run import run as run_stage
from mlpo_core.chain.spec import Outcome, Spec, resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.progress import say
from mlpo_core.store import Store


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("names", nargs="*", metavar="EXPERIMENT [ASSET]", help="a name in experiments/ or a YAML file")
    parser.add_argument("--experiment", help="the same as EXPERIMENT, which then is left out")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")
    parser.add_argument("--spec", type=Path, help="a spec file, instead of experiment and asset")


def run(options: argparse.Namespace) -> None:
    """Make what is missing; what is there is reused."""
    if options.spec:
        run_stage(Spec.model_validate_json(options.spec.read_bytes()))
        return
    names = [options.experiment, *options.names] if options.experiment else options.names
    if len(names) not in (1, 2):
        raise BadInput("run needs an EXPERIMENT, and perhaps one ASSET of it: mlpo run tiny hard_tasks")
    if len(names) == 2 and names[1] not in STAGES:
        raise BadInput(f"{names[1]!r} is no asset. Assets: {', '.join(STAGES)}")
    experiment, store = read(names[0], tuple(options.set)), Store(options.root)
    if len(names) == 2:
        _say(names[1], run_stage(resolve(names[1], experiment, store)))
        return
    for asset, outcome in make_chain(experiment, store, "published_leader"):
        _say(asset, outcome)


def _say(asset: str, outcome: Outcome) -> None:
    if outcome.skipped:
        say(f"{asset}: not part of this experiment: {outcome.skipped}")
    elif outcome.ref:
        say(f"{asset}: {'reused' if outcome.reused else 'made'} {outcome.ref.url}")

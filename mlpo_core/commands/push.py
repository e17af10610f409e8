"""Send a published leader, its traces and its rollouts to the Hugging Face hub, where the experiment's file says."""

import argparse

from mlpo_core.chain.experiments import owner, read, skipped
from mlpo_core.chain.spec import versions
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.progress import say
from mlpo_core.publishing.hub import Parcel, send, token
from mlpo_core.publishing.licences import UNKNOWN
from mlpo_core.publishing.parcels import of_leader, of_rollouts, of_traces
from mlpo_core.serving.source import version_of
from mlpo_core.store import Dataset, Store, VersionRef

_LEADER, _TRACES, _TRAINED = "published_leader", "sft_dataset", "mlpo_leader"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="name in experiments/, or a YAML file")
    parser.add_argument("--yes", action="store_true", help="send; without it, only say what would be sent, and where")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Print what goes where, and with `--yes` send it."""
    experiment = read(options.experiment)
    parcels = _parcels(experiment, Store(options.root))
    for parcel in parcels:
        say(f"{'sending to' if options.yes else 'would send to'} {parcel.told()}")
    if not options.yes:
        say("add --yes")
        return
    secret = token()
    for parcel in parcels:
        say(send(parcel, secret, f"{experiment.name}, by mlpo push"))


def _parcels(experiment: Experiment, store: Store) -> list[Parcel]:
    """What the experiment's file says is sent.

    Raises:
        BadInput: It says nothing, or something of it is not made.
    """
    push = experiment.push_to_hub
    if push is None:
        raise BadInput(
            f"{experiment.name}: its file has no push_to_hub, so nothing is sent. Write into it: "
            "push_to_hub: {leader: OWNER/NAME, sft: OWNER/NAME, rollouts: OWNER/NAME}"
        )
    found = versions(experiment, store)
    licence = Dataset(found[_LEADER]).manifest.stats["headline"]["licence"] if _LEADER in found else UNKNOWN
    parcels: list[Parcel] = []
    if push.leader:
        parcels.append(of_leader(push.leader, push.private, _made(_LEADER, "leader", experiment, store, found)))
    if push.sft:
        traces = _made(_TRACES, "sft", experiment, store, found)
        parcels.append(of_traces(push.sft, push.private, traces, owner(_TRACES, experiment), licence))
    if push.rollouts:
        trained = _made(_TRAINED, "rollouts", experiment, store, found)
        parcels.append(of_rollouts(push.rollouts, push.private, trained, owner(_TRAINED, experiment), licence))
    return parcels


def _made(asset: str, setting: str, experiment: Experiment, store: Store, found: dict[str, VersionRef]) -> Dataset:
    if why := skipped(asset, experiment):
        raise BadInput(f"push_to_hub.{setting}: {experiment.name} has no {asset}: {why}. Leave the setting out")
    return version_of(asset, experiment, store, found)

"""What of an experiment is sent to the hub: the folder of its published leader, and traces and rollouts with a card."""

from collections.abc import Mapping
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.publishing.hub import Parcel
from mlpo_core.publishing.rollouts_card import rollouts_card
from mlpo_core.publishing.traces_card import FOLDER, traces_card
from mlpo_core.store import Dataset
from mlpo_core.store.rollouts import name_of, steps

_LEADER, _CARD = "leader", "README.md"


def of_leader(repository: str, private: bool, published: Dataset) -> Parcel:
    """The folder of a version of `published_leader`, file by file."""
    prefix = f"{_LEADER}/"
    sizes = {n.removeprefix(prefix): i.bytes for n, i in published.manifest.files.items() if n.startswith(prefix)}

    def contents() -> Mapping[str, Path | bytes]:
        folder = published.local_folder(_LEADER)
        return {name: folder / name for name in sizes}

    return Parcel(repository, "model", private, sizes, contents)


def of_traces(repository: str, private: bool, traces: Dataset, experiment: Experiment, licence: str) -> Parcel:
    """The parts of a version of `sft_dataset` as they are stored, with their card.

    Args:
        repository: `OWNER/NAME`.
        private: Whether nobody else may see it.
        traces: The version.
        experiment: Whose traces they are.
        licence: Of the leader's base model.
    """
    card = traces_card(traces, experiment, licence).encode()
    sizes = {f"{FOLDER}/{part.name}": part.bytes for part in traces.manifest.parts} | {_CARD: len(card)}

    def contents() -> Mapping[str, Path | bytes]:
        parts = {f"{FOLDER}/{part.name}": traces.read_part(part.name) for part in traces.manifest.parts}
        return {**parts, _CARD: card}

    return Parcel(repository, "dataset", private, sizes, contents)


def of_rollouts(repository: str, private: bool, leader: Dataset, experiment: Experiment, licence: str) -> Parcel:
    """The rollouts of a version of `mlpo_leader` as they are stored, with their card.

    Args:
        repository: `OWNER/NAME`.
        private: Whether nobody else may see it.
        leader: The version.
        experiment: Whose leader it is.
        licence: Of the leader's base model.

    Raises:
        BadInput: The version keeps none.
    """
    names = [name_of(step) for step in steps(leader)]
    if not names:
        raise BadInput(
            f"push_to_hub.rollouts: {leader.ref.url} keeps no rollouts (mlpo.keep_rollouts). Leave the setting out"
        )
    card = rollouts_card(leader, experiment, licence).encode()
    stored = {f"{FOLDER}/{name.rpartition('/')[2]}": name for name in names}
    sizes = {sent: leader.manifest.files[name].bytes for sent, name in stored.items()} | {_CARD: len(card)}

    def contents() -> Mapping[str, Path | bytes]:
        return {**{sent: leader.read_file(name) for sent, name in stored.items()}, _CARD: card}

    return Parcel(repository, "dataset", private, sizes, contents)

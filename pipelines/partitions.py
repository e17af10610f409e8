"""One partition per experiment: the names that files in the experiments folder stand for, and shown sweep points."""

from typing import NamedTuple

import dagster as dg

from mlpo_core.experiment.files import files, retired, shown

EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiment")


class Changes(NamedTuple):
    """What the partitions lack, and what they have for nothing."""

    new: list[str]
    retired: list[str]
    """Their versions and pointers are kept: `python -m mlpo_core prune` names them."""


def changes(instance: dg.DagsterInstance) -> Changes:
    """How the files differ from the partitions that the instance knows."""
    known = instance.get_dynamic_partitions("experiment")
    new = [name for path in files() for name in shown(path) if name not in set(known)]
    return Changes(new, retired(known, shown))


def register(instance: dg.DagsterInstance) -> list[str]:
    """Add the partitions that are not there yet, and return those. A file that does not parse has its own name only."""
    new = changes(instance).new
    if new:
        instance.add_dynamic_partitions("experiment", new)
    return new

"""One partition per experiment: the names of files in the experiments folder, shown sweep points, and named points."""

from pathlib import Path
from typing import NamedTuple

import dagster as dg

from mlpo_core.chain.naming import named_points
from mlpo_core.experiment.files import files, retired, shown
from mlpo_core.store import Store

EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiment")


class Changes(NamedTuple):
    """What the partitions lack, and what they have for nothing."""

    new: list[str]
    retired: list[str]
    """Their versions and pointers are kept: `python -m mlpo_core prune` names them."""


def names() -> dict[Path, list[str]]:
    """By experiment file, the partitions that it stands for. A file that does not parse has its own name."""
    named = named_points(Store())
    return {path: [*shown(path), *named.get(path.stem, ())] for path in files()}


def changes(instance: dg.DagsterInstance) -> Changes:
    """How the files differ from the partitions that the instance knows."""
    known, there = instance.get_dynamic_partitions("experiment"), names()
    new = [name for found in there.values() for name in found if name not in set(known)]
    return Changes(new, retired(known, there.__getitem__))


def register(instance: dg.DagsterInstance) -> list[str]:
    """Add the partitions that are not there yet, and return those."""
    new = changes(instance).new
    if new:
        instance.add_dynamic_partitions("experiment", new)
    return new

"""One partition per experiment: the names that the files in the experiments folder stand for, sweep points included."""

import dagster as dg

from mlpo_core.experiment.files import files, names

EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiment")


def register(instance: dg.DagsterInstance) -> list[str]:
    """Add the partitions that are not there yet, and return those. A file that does not parse has its own name only."""
    known = set(instance.get_dynamic_partitions("experiment"))
    new = [name for path in files() for name in names(path) if name not in known]
    if new:
        instance.add_dynamic_partitions("experiment", new)
    return new

"""Name a point: an experiment with some settings changed for one run, recorded so that everybody finds it by name."""

import json
from collections.abc import Mapping
from typing import Any

from mlpo_core.chain.experiments import find, name_of
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.changeable import require_changeable
from mlpo_core.experiment.files import files
from mlpo_core.store import Store, points


def name_point(experiment: str, settings: Mapping[str, Any], store: Store) -> Experiment:
    """The experiment with these settings, under the name `EXPERIMENT--section.key=value`; recorded if it is new.

    Args:
        experiment: Name of an experiment, or of a point of its sweep.
        settings: By `section.key`, plain values.
        store: Where it is recorded.

    Raises:
        BadInput: There is nothing to change, a setting may not be changed for one run, or a value is wrong.
    """
    if not settings:
        raise BadInput(f"{experiment}: no setting is changed: say which, or materialize the experiment itself")
    require_changeable(settings)
    told = tuple(f"{name}={json.dumps(value)}" for name, value in sorted(settings.items()))
    if points.find(store, experiment):
        raise BadInput(f"{experiment} is such a point itself: change the settings of the experiment it is of")
    name = name_of(experiment, told)
    changed = find(experiment, told).as_point(name)
    points.record(store, name, points.Point(experiment=experiment, settings=told))
    return changed


def named_points(store: Store) -> dict[str, list[str]]:
    """By experiment, the points that were named of it; none of an experiment that has no file any more."""
    found: dict[str, list[str]] = {path.stem: [] for path in files()}
    for name in points.recorded(store):
        found.get(name.partition("--")[0], []).append(name)
    return {stem: names for stem, names in found.items() if names}

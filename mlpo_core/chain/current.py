"""Whether the versions that a stage is given are those that its experiment asks for now.

A pointer outlives an edit of the experiment's file. Building on such a version would put rows of two experiments into
one, so it is refused, with what differs. An input is current when its key is the one that the command line would find
(`mlpo_core.chain.spec.versions`): which settings a shared version was first made with says nothing, since other
settings can lead to the same rows.
"""

from collections.abc import Mapping
from typing import Any

from mlpo_core.chain.experiments import owner, skipped
from mlpo_core.chain.keys import origin
from mlpo_core.chain.spec import versions
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset, Store, VersionRef


def require_current(inputs: Mapping[str, Dataset], experiment: Experiment, store: Store) -> None:
    """Check the inputs of a stage, and what they were made from.

    Raises:
        BadInput: One is not what the experiment asks for now; names the first asset to materialize, and why.
    """
    pointed = {asset: ref for asset in STAGES if (ref := store.pointed(experiment.name, asset))}
    given = {**pointed, **{asset: dataset.ref for asset, dataset in inputs.items()}}
    found = versions(experiment, store, given)
    if all(_same(found.get(asset), dataset.ref) for asset, dataset in inputs.items()):
        return
    behind = _with_ancestors(inputs)
    for asset in STAGES:
        if asset in behind and not skipped(asset, experiment) and not _same(given.get(asset), found.get(asset)):
            raise BadInput(_explained(asset, given.get(asset), found, owner(asset, experiment)))


def _explained(asset: str, given: VersionRef | None, found: Mapping[str, VersionRef], experiment: Experiment) -> str:
    again = f"materialize {asset} and what follows it again"
    if given is None:
        return f"{asset} has not been made for experiment {experiment.name}: {again}"
    then = Dataset(given).manifest
    source = origin(STAGES[asset], experiment, {name: found.get(name) for name in STAGES[asset].inputs})
    if setting := _difference(then.config["config"], source.config["config"]):
        return f"{asset} was made before {setting} of experiment {experiment.name} was changed: {again}"
    if then.config["external"] != source.config["external"]:
        return f"{asset} was made before the files that it reads for experiment {experiment.name} were changed: {again}"
    if then.versions != source.versions:
        return f"{asset} was made for experiment {experiment.name} by other code or libraries: {again}"
    return f"{asset} was made for experiment {experiment.name} from other inputs than those of now: {again}"


def _same(one: VersionRef | None, other: VersionRef | None) -> bool:
    return (one and one.key) == (other and other.key)


def _with_ancestors(assets: Mapping[str, Any]) -> set[str]:
    """Assets, and everything that they are made from."""
    behind: set[str] = set(assets)
    for asset in reversed(list(STAGES)):
        if asset in behind:
            behind.update(STAGES[asset].inputs)
    return behind


def _difference(then: Any, now: Any, path: str = "") -> str | None:
    """The first setting that differs, as `section.key`."""
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return None if then == now else path
    for name in sorted({*then, *now}):
        where = f"{path}.{name}" if path else str(name)
        if name not in then or name not in now:
            return where
        if found := _difference(then[name], now[name], where):
            return found
    return None

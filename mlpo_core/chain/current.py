"""Whether versions were made with the settings that an experiment has now.

A pointer outlives an edit of the experiment's file. Building on such a version would put rows of two experiments into
one, so it is refused, with the setting that differs.
"""

from collections.abc import Mapping
from typing import Any

from mlpo_core.chain.experiments import owner
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset, Store


def require_current(inputs: Mapping[str, Dataset], experiment: Experiment, store: Store) -> None:
    """Check the inputs of a stage, and what they were made from.

    Raises:
        BadInput: One was made with other settings; names it, the setting, and what to do.
    """
    seen: set[tuple[str, str]] = set()
    pending = [(dataset, experiment) for dataset in inputs.values()]
    while pending:
        dataset, downstream = pending.pop()
        asset = dataset.ref.asset
        maker = owner(asset, downstream)
        if (asset, dataset.ref.key) in seen:
            continue
        seen.add((asset, dataset.ref.key))
        sections = set(STAGES[asset].reads(maker))
        now = STAGES[asset].view(maker).model_dump(mode="json", include=sections)
        if setting := _difference(dataset.manifest.config["config"], now):
            raise BadInput(
                f"{asset} was made before {setting} of experiment {maker.name} was changed: materialize {asset} "
                "and what follows it again"
            )
        for name, key in dataset.manifest.input_keys.items():
            if key and (ref := store.find(name, key)):
                pending.append((Dataset(ref), maker))


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

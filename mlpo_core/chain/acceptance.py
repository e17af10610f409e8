"""Let versions stand that older code made, where a person knows that today's would give the same rows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from mlpo_core.chain.experiments import owner, skipped
from mlpo_core.chain.spec import resolve
from mlpo_core.chain.stages import STAGES, key
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.store import Manifest, Origin, Store, VersionRef
from mlpo_core.store.manifest import inspect
from mlpo_core.store.root import Acceptance

_CODE = ("code", "engine")
"""Versions that a key covers and that this is about; those of libraries are not."""


class Accepted(NamedTuple):
    """An asset, the version that now stands for it, and its code then and now."""

    asset: str
    ref: VersionRef
    made_by: str
    code: str


def accept(experiment: Experiment, store: Store, why: str, only: Sequence[str] = ()) -> Iterator[Accepted]:
    """Accept the newest version of every asset that differs in its code alone from what today's code would make.

    Goes along the chain and ends at the first asset of which there is neither: what follows it cannot be known.

    Args:
        experiment: Whose assets.
        store: The root. The record, with `why`, is kept there.
        why: Why the rows would be the same.
        only: Accept these assets; empty means all.

    Raises:
        BadInput: No reason was given, or an asset that was named is none.
    """
    if not why.strip():
        raise BadInput("accept needs --why: what changed in the code, and why the rows would be the same")
    if unknown := [name for name in only if name not in STAGES]:
        raise BadInput(f"{unknown[0]!r} is no asset. Assets: {', '.join(STAGES)}")
    for asset in STAGES:
        if skipped(asset, experiment):
            continue
        try:
            source = resolve(asset, owner(asset, experiment), store).source
        except BadInput:
            return
        wanted = key(asset, source)
        if store.find(asset, wanted):
            continue
        manifest = None if only and asset not in only else _older(asset, source, store)
        if manifest is None:
            return
        made_by, now = manifest.versions["code"], source.versions["code"]
        when = datetime.now(UTC).isoformat(timespec="seconds")
        store.accept(asset, wanted, Acceptance(key=manifest.key, why=why, made_by=made_by, code=now, when=when))
        if ref := store.find(asset, wanted):
            yield Accepted(asset, ref, made_by, now)


def _older(asset: str, source: Origin, store: Store) -> Manifest | None:
    """The newest version with the same inputs, settings and libraries."""
    found = (inspect(store.folder.join(asset, name)).manifest for name in store.folder.join(asset).folders())
    same = [manifest for manifest in found if manifest and differs_in_code_alone(manifest, source)]
    return max(same, key=lambda manifest: manifest.created, default=None)


def differs_in_code_alone(manifest: Manifest, source: Origin) -> bool:
    """Whether a version was made from the same inputs and settings, with the same libraries."""
    then = {name: v for name, v in manifest.versions.items() if name not in _CODE}
    now = {name: v for name, v in source.versions.items() if name not in _CODE}
    return (manifest.inputs, manifest.config, then) == (source.inputs, source.config, now)

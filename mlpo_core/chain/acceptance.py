"""Let versions stand that older code made, where a person knows that today's would give the same rows."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from mlpo_core.chain.experiments import owner, skipped
from mlpo_core.chain.keys import key
from mlpo_core.chain.spec import Spec, resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig, Experiment, Grading, Prompts
from mlpo_core.experiment.engine import OF_NO_ROW, in_key
from mlpo_core.experiment.prompts import templates_in_key
from mlpo_core.experiment.section import Grown
from mlpo_core.store import Manifest, Store, VersionRef
from mlpo_core.store.manifest import inspect
from mlpo_core.store.root import Acceptance

_IN_NO_KEY: Mapping[type[BaseModel], Collection[str]] = {EngineConfig: OF_NO_ROW, Grading: ("run_code",)}
"""Settings of a section that change no row."""
_IN_KEYS: Mapping[type[BaseModel], Callable[[dict[str, Any]], dict[str, Any]]] = {
    EngineConfig: in_key,
    Prompts: templates_in_key,
}
"""What of a section's settings a key covers."""
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
            spec = resolve(asset, owner(asset, experiment), store)
        except BadInput:
            return
        source = spec.source
        wanted = key(asset, source)
        if store.find(asset, wanted):
            continue
        manifest = None if only and asset not in only else _older(spec, store)
        if manifest is None:
            return
        made_by, now = manifest.versions["code"], source.versions["code"]
        when = datetime.now(UTC).isoformat(timespec="seconds")
        store.accept(asset, wanted, Acceptance(key=manifest.key, why=why, made_by=made_by, code=now, when=when))
        if ref := store.find(asset, wanted):
            yield Accepted(asset, ref, made_by, now)


def _older(spec: Spec, store: Store) -> Manifest | None:
    """The newest version with the same inputs, settings and libraries."""
    folder = store.folder.join(spec.asset)
    found = (inspect(folder.join(name)).manifest for name in folder.folders())
    same = [manifest for manifest in found if manifest and differs_in_code_alone(manifest, spec)]
    return max(same, key=lambda manifest: manifest.created, default=None)


def differs_in_code_alone(manifest: Manifest, spec: Spec) -> bool:
    """Whether a version was made from the same inputs and settings, with the same libraries.

    A setting that there was not yet when it was made counts as its default: what the code did before one could set it.
    """
    source = spec.source
    then = {name: v for name, v in manifest.versions.items() if name not in _CODE}
    now = {name: v for name, v in source.versions.items() if name not in _CODE}
    if (manifest.inputs, then) != (source.inputs, now):
        return False
    settings = completed(manifest.config.get("config"), STAGES[spec.asset].view(spec.experiment))
    return {**manifest.config, "config": settings} == source.config


def completed(then: Any, now: Any) -> Any:
    """Recorded settings with what they lack at its default, and without what is in no key of today's.

    Args:
        then: Settings, or a part of them, as a manifest holds them.
        now: The same of the experiment that they are compared with: says what settings there are today.
    """
    if isinstance(now, BaseModel) and isinstance(then, dict):
        fields = type(now).model_fields
        free = {name for name in fields if name not in vars(now)}
        free.update(_IN_NO_KEY.get(type(now), ()))
        then = {name: value for name, value in then.items() if name not in free}
        lacking = [n for n in vars(now) if n in fields and n not in free and not fields[n].is_required()]
        defaults = {name: to_jsonable_python(fields[name].get_default(call_default_factory=True)) for name in lacking}
        told = {name: completed(value, vars(now).get(name)) for name, value in then.items()}
        if isinstance(now, Grown):
            return {**now.in_key(defaults), **told}
        found = {**defaults, **told}
        shown = _IN_KEYS.get(type(now))
        return shown(found) if shown else found
    if isinstance(now, dict) and isinstance(then, dict):
        return {name: completed(value, now.get(name)) for name, value in then.items()}
    if isinstance(now, list | tuple) and isinstance(then, list) and len(then) == len(now):
        return [completed(*pair) for pair in zip(then, now, strict=True)]
    return then

"""What versions exist, what refers to them, and deleting those that nothing refers to."""

from collections.abc import Collection
from typing import NamedTuple

from mlpo_core.store import Store
from mlpo_core.store.manifest import MANIFEST, Inspection, Manifest, inspect
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import PARTIAL


class Entry(NamedTuple):
    """One version: finished, unfinished or damaged."""

    asset: str
    key: str
    rows: int
    bytes: int
    created: str
    """Empty while unfinished, and for a damaged version."""
    used_by: tuple[str, ...]
    """Experiments whose pointers reach it, directly or as an input of something they use."""
    damage: str = ""
    """Why it will not be used, but made again, if it is."""

    @property
    def finished(self) -> bool:
        return bool(self.created)


def versions(store: Store) -> list[Entry]:
    """Every version under the root, in chain order, with the experiments that reach it."""
    found = {
        (asset, name): inspect(store.folder.join(asset, name)) for asset in SCHEMAS for name in _keys(store, asset)
    }
    users = _users(store, found)
    entries = [
        Entry(
            asset=asset,
            key=name,
            rows=manifest.rows if manifest else 0,
            bytes=_size(store, asset, name, manifest),
            created=manifest.created if manifest else "",
            used_by=tuple(sorted(users.get((asset, name), ()))),
            damage=damage or "",
        )
        for (asset, name), (manifest, damage) in found.items()
    ]
    # Some object stores go on listing a folder whose files were deleted.
    return [entry for entry in entries if entry.finished or entry.bytes]


def prunable(entries: list[Entry], forgotten: Collection[str] = ()) -> list[Entry]:
    """Versions that no experiment reaches, or only forgotten ones do. Unfinished ones stay: a run may write them."""
    return [e for e in entries if (e.finished or e.damage) and set(e.used_by) <= set(forgotten)]


def prune(store: Store, entries: list[Entry]) -> None:
    """Delete versions, manifest first, so that a half-deleted one is already invisible."""
    for entry in entries:
        folder = store.folder.join(entry.asset, entry.key)
        folder.remove(MANIFEST)
        folder.remove()


def _keys(store: Store, asset: str) -> list[str]:
    return [name for name in store.folder.join(asset).folders() if not name.endswith(PARTIAL)]


def _size(store: Store, asset: str, key: str, manifest: Manifest | None) -> int:
    if manifest:
        return sum(p.bytes for p in manifest.parts) + sum(f.bytes for f in manifest.files.values())
    return sum(file.bytes for file in store.folder.join(asset, key).stored().values())


def _users(store: Store, found: dict[tuple[str, str], Inspection]) -> dict[tuple[str, str], set[str]]:
    users: dict[tuple[str, str], set[str]] = {}
    for partition, ref in store.pointers():
        reached = [(ref.asset, ref.key)]
        while reached:
            version = reached.pop()
            seen = users.setdefault(version, set())
            if partition in seen:
                continue
            seen.add(partition)
            if (inspection := found.get(version)) and inspection.manifest:
                reached += [(a, k) for a, k in inspection.manifest.input_keys.items() if k]
    return users

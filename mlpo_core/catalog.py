"""What versions exist, what refers to them, and deleting those that nothing refers to."""

from typing import NamedTuple

from mlpo_core.stages import STAGES
from mlpo_core.store import MANIFEST, Manifest, Store


class Entry(NamedTuple):
    """One version, finished or not."""

    asset: str
    key: str
    rows: int
    bytes: int
    created: str
    """Empty while unfinished."""
    used_by: tuple[str, ...]
    """Experiments whose pointers reach it, directly or as an input of something they use."""

    @property
    def finished(self) -> bool:
        return bool(self.created)


def versions(store: Store) -> list[Entry]:
    """Every version under the root, in chain order, with the experiments that reach it."""
    manifests = {(asset, name): _manifest(store, asset, name) for asset in STAGES for name in _keys(store, asset)}
    users = _users(store, manifests)
    return [
        Entry(
            asset=asset,
            key=name,
            rows=manifest.rows if manifest else 0,
            bytes=_size(store, asset, name, manifest),
            created=manifest.created if manifest else "",
            used_by=tuple(sorted(users.get((asset, name), ()))),
        )
        for (asset, name), manifest in manifests.items()
    ]


def prunable(entries: list[Entry]) -> list[Entry]:
    """Finished versions that no experiment reaches. Unfinished ones stay: a run may be writing or resuming them."""
    return [e for e in entries if e.finished and not e.used_by]


def prune(store: Store, entries: list[Entry]) -> None:
    """Delete versions, manifest first, so that a half-deleted one is already invisible."""
    for entry in entries:
        folder = store.folder.join(entry.asset, entry.key)
        folder.remove(MANIFEST)
        folder.remove()


def _keys(store: Store, asset: str) -> list[str]:
    return [name for name in store.folder.join(asset).folders() if not name.endswith(".partial")]


def _manifest(store: Store, asset: str, key: str) -> Manifest | None:
    raw = store.folder.join(asset, key).read(MANIFEST)
    return Manifest.model_validate_json(raw) if raw else None


def _size(store: Store, asset: str, key: str, manifest: Manifest | None) -> int:
    if manifest:
        return sum(p.bytes for p in manifest.parts) + sum(f.bytes for f in manifest.files.values())
    folder = store.folder.join(asset, key)
    return sum(folder.filesystem.size(folder.path(name)) for name in folder.names())


def _users(store: Store, manifests: dict[tuple[str, str], Manifest | None]) -> dict[tuple[str, str], set[str]]:
    users: dict[tuple[str, str], set[str]] = {}
    for partition in store.folder.join("experiments").folders():
        reached: list[tuple[str, str]] = []
        for asset in STAGES:
            if ref := store.pointed(partition, asset):
                reached.append((asset, ref.key))
        while reached:
            version = reached.pop()
            seen = users.setdefault(version, set())
            if partition in seen:
                continue
            seen.add(partition)
            if manifest := manifests.get(version):
                reached += [(a, k) for a, k in manifest.input_keys.items() if k]
    return users

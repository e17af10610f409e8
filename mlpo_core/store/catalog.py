"""What versions exist, what refers to them, and deleting those that nothing refers to."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from mlpo_core.store import Store
from mlpo_core.store.leases import in_use
from mlpo_core.store.manifest import MANIFEST, Inspection, inspect
from mlpo_core.store.names import VERSION, is_key
from mlpo_core.store.root import Use
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import PARTIAL

RUNNING = "(a running phase)"
"""Stands among a version's users for a lease."""
ANY = "(unreadable pointer)"
"""Stands among the users of every version that a pointer which cannot be read may name."""
Version = tuple[str, str]
"""Asset and key."""


class Entry(NamedTuple):
    """One version: finished, unfinished or damaged."""

    asset: str
    key: str
    rows: int
    bytes: int
    created: str
    """Empty while unfinished, and for a damaged version."""
    touched: datetime
    """When it was made; of an unfinished or damaged version, when a file of it was last written."""
    used_by: tuple[str, ...]
    """Experiments whose pointers reach it, directly or as an input of something they use; `RUNNING`, `ANY`."""
    damage: str = ""
    """Why it will not be used, but made again, if it is."""

    @property
    def finished(self) -> bool:
        return bool(self.created)


def versions(store: Store, uses: Iterable[Use] | None = None) -> list[Entry]:
    """Every version under the root, in chain order, with the experiments that reach it; links are not followed.

    Args:
        store: The root.
        uses: What experiments use, if it is known already (`Store.pointers`).
    """
    found = {
        (asset, name): inspect(store.folder.join(asset, name)) for asset in SCHEMAS for name in _keys(store, asset)
    }
    users = _users(store, found, store.pointers() if uses is None else uses)
    entries = [_entry(store, version, inspection, users) for version, inspection in found.items()]
    # Some object stores go on listing a folder whose files were deleted.
    return [entry for entry in entries if entry.finished or entry.bytes]


def prunable(entries: list[Entry], older_than: timedelta, forgotten: Collection[str] = ()) -> list[Entry]:
    """Versions of that age which no experiment reaches, or only forgotten ones do.

    Unfinished ones stay: a run may be writing or resuming them.
    """
    limit = datetime.now(UTC) - older_than
    return [
        e
        for e in entries
        if (e.finished or e.damage)
        and set(e.used_by) <= set(forgotten)
        and e.touched <= limit
        and VERSION.fullmatch(e.key)
    ]


def prune(store: Store, entries: list[Entry]) -> list[Entry]:
    """Delete versions; returns those that came into use meanwhile, which stay.

    All manifests go first, so that nobody finds these versions any more; who found one before has by then a pointer to
    it or a lease on it, and gets the manifest back.
    """
    found: dict[Version, Inspection] = {}
    hidden: dict[Version, bytes] = {}
    for entry in entries:
        version, folder = (entry.asset, entry.key), store.own(entry.asset, entry.key)
        found[version], hidden[version] = inspect(folder), folder.read(MANIFEST) or b""
        folder.remove(MANIFEST)
    users = _users(store, found, store.pointers())
    for (asset, key), manifest in hidden.items():
        if (asset, key) not in users:
            store.own(asset, key).remove()
        elif manifest:
            store.own(asset, key).create(MANIFEST, manifest)
    return [entry for entry in entries if (entry.asset, entry.key) in users]


def _keys(store: Store, asset: str) -> list[str]:
    folder = store.folder.join(asset)
    return [] if folder.is_link else [name for name in folder.folders() if not name.endswith(PARTIAL)]


def _entry(store: Store, version: Version, inspection: Inspection, users: dict[Version, set[str]]) -> Entry:
    (asset, key), (manifest, damage) = version, inspection
    if manifest:
        rows, created, touched = manifest.rows, manifest.created, datetime.fromisoformat(manifest.created)
        size = sum(p.bytes for p in manifest.parts) + sum(f.bytes for f in manifest.files.values())
    else:
        rows, created = 0, ""
        stored = store.folder.join(asset, key).stored().values()
        size = sum(file.bytes for file in stored)
        touched = max((file.modified for file in stored), default=datetime.now(UTC))
    return Entry(asset, key, rows, size, created, touched, tuple(sorted(users.get(version, ()))), damage or "")


def _users(store: Store, found: dict[Version, Inspection], uses: Iterable[Use]) -> dict[Version, set[str]]:
    """Who reaches each version, through a pointer or a lease and from there through inputs."""
    begun = [(RUNNING, version) for version in in_use(store.folder)]
    for use in uses:
        if use.ref:
            begun.append((use.partition, (use.ref.asset, use.ref.key)))
        else:
            begun += [(ANY, version) for version in found if use.asset in ("", version[0])]
    users: dict[Version, set[str]] = {}
    known = dict(found)
    for user, version in begun:
        reached = [version]
        while reached:
            version = reached.pop()
            seen = users.setdefault(version, set())
            if user in seen or version[0] not in SCHEMAS or not is_key(version[1]):
                continue
            seen.add(user)
            if version not in known:
                known[version] = inspect(store.folder.join(*version))
            if manifest := known[version].manifest:
                reached += [(a, k) for a, k in manifest.input_keys.items() if k]
    return users

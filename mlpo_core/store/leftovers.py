"""Find and delete what interrupted work left behind: never visible to a reader, never freed by anybody else.

Everything here has an age: what was touched lately may belong to a run that is still going.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from mlpo_core.store import Store
from mlpo_core.store.disk import TEMPORARY
from mlpo_core.store.files import Folder, Upload
from mlpo_core.store.leases import EXPIRES, LEASES, in_use
from mlpo_core.store.manifest import FINDINGS, MANIFEST, inspect
from mlpo_core.store.names import CONTENT, PART, QUARANTINED, VERSION
from mlpo_core.store.quarantine import QUARANTINE
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import PARTIAL, cache

ABANDONED_AFTER = timedelta(hours=24)
"""A phase writes a shard or a training checkpoint far more often than that."""
_IN_WORK = re.compile(rf"{VERSION.pattern}({re.escape(PARTIAL)})?")
_OF_VERSION = re.compile(rf"\w+/{_IN_WORK.pattern}/")
_LEASE = re.compile(r"[0-9a-f]{32}\.lease")
_STRAY = re.compile(rf"(^|/){re.escape(TEMPORARY)}[0-9a-f]{{32}}$|^{PART.pattern}$|-[0-9a-f]{{{CONTENT}}}([./]|$)")
"""What only a writer calls a file so: a half, a part, and what is called after its content."""


class Leftover(NamedTuple):
    """Something that nobody will finish or read."""

    what: str
    folder: Folder
    name: str
    """File in the folder; empty for the whole folder."""
    upload: Upload | None
    bytes: int
    touched: datetime


def leftovers(store: Store, older_than: timedelta = ABANDONED_AFTER) -> list[Leftover]:
    """Unfinished versions, scratch folders, halves of interrupted writes, uncompleted uploads, quarantined versions and
    leases that nothing has touched for that long.

    Only what has a name of ours is looked at, links are not followed, and what a lease names is left out.
    """
    found: list[Leftover] = []
    leases = in_use(store.folder)
    for asset in SCHEMAS:
        for key in _named(store.folder.join(asset), _IN_WORK):
            if (asset, key.removesuffix(PARTIAL)) not in leases:
                found += _of_version(store.folder.join(asset, key))
        if not store.folder.join(QUARANTINE).is_link:
            for key in _named(store.folder.join(QUARANTINE, asset), QUARANTINED):
                found += _whole("damaged version", store.folder.join(QUARANTINE, asset, key))
        if not store.folder.is_local:
            here = Folder(str(cache() / "partial" / asset))
            for key in _named(here, _IN_WORK):
                if (asset, key.removesuffix(PARTIAL)) not in leases:
                    found += _whole("scratch of an interrupted run", here.join(key))
    for upload in store.folder.uploads():
        if _OF_VERSION.match(upload.name) and upload.name.split("/")[0] in SCHEMAS:
            found.append(Leftover("uncompleted upload", store.folder, upload.name, upload, 0, upload.begun))
    ended = store.folder.join(LEASES)
    for name, file in ended.stored().items():
        if _LEASE.fullmatch(name):
            found.append(Leftover("lease of a killed run", ended, name, None, file.bytes, file.modified + EXPIRES))
    limit = datetime.now(UTC) - older_than
    return [leftover for leftover in found if leftover.touched <= limit]


def sweep(found: Iterable[Leftover]) -> None:
    """Delete leftovers."""
    for leftover in found:
        if leftover.upload:
            leftover.folder.abort(leftover.upload)
        else:
            leftover.folder.remove(leftover.name)


def _whole(what: str, folder: Folder) -> list[Leftover]:
    stored = folder.stored(temporary=True).values()
    if stored:
        touched = max(file.modified for file in stored)
    elif folder.is_local:
        touched = datetime.fromtimestamp(Path(folder.path()).stat().st_mtime, UTC)
    else:
        return []
    return [Leftover(what, folder, "", None, sum(file.bytes for file in stored), touched)]


def _named(folder: Folder, names: re.Pattern[str]) -> list[str]:
    return [] if folder.is_link else [name for name in folder.folders() if names.fullmatch(name)]


def _of_version(folder: Folder) -> list[Leftover]:
    if folder.path().endswith(PARTIAL):
        return _whole("scratch of an interrupted run", folder)
    if folder.read(MANIFEST) is None:
        return _whole("unfinished version", folder)
    return _strays(folder)


def _strays(folder: Folder) -> list[Leftover]:
    """Files that a writer left in a finished version's folder: halves, and what writers that came second wrote."""
    manifest = inspect(folder).manifest
    if manifest is None:
        return []
    own = {MANIFEST, FINDINGS, *(p.name for p in manifest.parts), *map(manifest.stored_name, manifest.files)}
    return [
        Leftover("file of an interrupted or beaten run", folder, name, None, file.bytes, file.modified)
        for name, file in folder.stored(temporary=True).items()
        if name not in own and _STRAY.search(name)
    ]

"""Find and delete what interrupted work left behind: never visible to a reader, never freed by anybody else.

Everything here has an age: what was touched lately may belong to a run that is still going.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from mlpo_core.store import Store
from mlpo_core.store.files import Folder, Upload
from mlpo_core.store.manifest import FINDINGS, MANIFEST, inspect
from mlpo_core.store.quarantine import QUARANTINE
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import PARTIAL, cache

ABANDONED_AFTER = timedelta(hours=24)
"""A phase writes a shard or a training checkpoint far more often than that."""


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
    """Unfinished versions, scratch folders, halves of interrupted writes, uncompleted uploads and quarantined versions
    that nothing has touched for that long."""
    found: list[Leftover] = []
    for asset in SCHEMAS:
        for key in store.folder.join(asset).folders():
            folder = store.folder.join(asset, key)
            if key.endswith(PARTIAL):
                found += _whole("scratch of an interrupted run", folder)
            elif folder.read(MANIFEST) is None:
                found += _whole("unfinished version", folder)
            else:
                found += _strays(folder)
        for key in store.folder.join(QUARANTINE, asset).folders():
            found += _whole("damaged version", store.folder.join(QUARANTINE, asset, key))
        if not store.folder.is_local:
            here = Folder(str(cache() / "partial" / asset))
            for key in here.folders():
                found += _whole("scratch of an interrupted run", here.join(key))
    for upload in store.folder.uploads():
        found.append(Leftover("uncompleted upload", store.folder, upload.name, upload, 0, upload.begun))
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


def _strays(folder: Folder) -> list[Leftover]:
    """Files in a finished version's folder that are not of it: halves, and folders of writers that came second."""
    manifest = inspect(folder).manifest
    if manifest is None:
        return []
    own = {MANIFEST, FINDINGS, *(p.name for p in manifest.parts), *map(manifest.stored_name, manifest.files)}
    return [
        Leftover("file of an interrupted or beaten run", folder, name, None, file.bytes, file.modified)
        for name, file in folder.stored(temporary=True).items()
        if name not in own
    ]

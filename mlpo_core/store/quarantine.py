"""Set a damaged version aside: it is not used again, not deleted either, and its key is free to be made again."""

import uuid
from contextlib import suppress
from datetime import UTC, datetime

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import MANIFEST

QUARANTINE = "quarantine"
"""Folder of the root that damaged versions are moved to, as `<asset>/<key>-<when>`; `prune` sweeps it."""


def set_aside(folder: Folder, damage: str) -> str:
    """Move the damaged version in `folder` to the root's quarantine and say so; returns where it is now.

    Raises:
        BadInput: It cannot be moved.
    """
    root, asset, key = folder.url.rsplit("/", 2)
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    target = Folder(root).join(QUARANTINE, asset, f"{key}-{when}-{uuid.uuid4().hex[:8]}")
    try:
        # Another process may have noticed too, and have been faster.
        with suppress(FileNotFoundError):
            folder.move(target, last=MANIFEST)
    except BadInput as error:
        raise BadInput(f"{folder.url} is damaged ({damage}) and cannot be set aside: {error}") from error
    log(f"WARNING: {asset} {key} is damaged: {damage}. It is not used; what is left of it is in {target.url}")
    return target.url

"""What is in use: while a phase runs, nothing deletes what it reads and what it writes.

A lease is one file under the root that its holder alone writes, again and again; it counts for an hour after it was
last written, by the storage's clock. So a holder that was killed keeps nothing for long.
"""

import os
import socket
import threading
import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ValidationError

from mlpo_core.errors import BadInput, Transient
from mlpo_core.progress import log
from mlpo_core.store.files import Folder

LEASES = "leases"
"""Folder of the root."""
EXPIRES = timedelta(hours=1)
RENEWED_S = 600.0


class Lease(BaseModel):
    """Versions in use, as (asset, key), and by which process."""

    versions: list[tuple[str, str]]
    host: str
    pid: int


@contextmanager
def leased(root: Folder, versions: Iterable[tuple[str, str]]) -> Generator[None]:
    """Spans the use of versions, which need not be there yet."""
    folder, name = root.join(LEASES), f"{uuid.uuid4().hex}.lease"
    lease = Lease(versions=list(versions), host=socket.gethostname(), pid=os.getpid())
    data = lease.model_dump_json().encode()
    folder.replace(name, data)
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(folder, name, data, ended), name="lease", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        with suppress(BadInput, Transient):  # it ends by itself
            folder.remove(name)


def in_use(root: Folder) -> set[tuple[str, str]]:
    """Versions that a lease names, as (asset, key).

    Raises:
        BadInput: A lease cannot be read, so that nobody knows what is in use.
    """
    folder, limit = root.join(LEASES), datetime.now(UTC) - EXPIRES
    found: set[tuple[str, str]] = set()
    for name, file in folder.stored().items():
        if file.modified > limit and (raw := folder.read(name)) is not None:
            try:
                found.update(Lease.model_validate_json(raw).versions)
            except ValidationError as error:
                raise BadInput(
                    f"{folder.path(name)} cannot be read, so what a running phase uses is unknown. It counts until "
                    f"{file.modified + EXPIRES:%F %R} UTC; delete it before, if no phase is running"
                ) from error
    return found


def _renew(folder: Folder, name: str, data: bytes, ended: threading.Event) -> None:
    while not ended.wait(RENEWED_S):
        try:
            folder.replace(name, data)
        except (BadInput, Transient) as error:
            log(f"WARNING: cannot say that a version is still in use: {error}")

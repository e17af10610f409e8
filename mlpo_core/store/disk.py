"""Files on a local disk: written whole or not at all, and listed while others write."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

TEMPORARY = ".tmp-"
"""How the name of a local file begins while it is written."""


class Stored(NamedTuple):
    """A file that is there."""

    bytes: int
    modified: datetime


def create(path: str, data: bytes) -> bool:
    """Write a file unless one is there; of racing writers exactly one gets True."""
    beside = write_beside(path, data)
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(beside)
    sync_folder(path)
    return True


def replace(path: str, data: bytes) -> None:
    """Write a file over whatever is there."""
    os.replace(write_beside(path, data), path)
    sync_folder(path)


def beside(path: str) -> str:
    """A name for the unfinished file that is to become `path`; its folder is made."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return str(target.parent / f"{TEMPORARY}{uuid.uuid4().hex}")


def write_beside(path: str, data: bytes) -> str:
    """Write the unfinished file that is to become `path`; returns its name."""
    unfinished = beside(path)
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # A full disk must not stay full of halves.
        Path(unfinished).unlink(missing_ok=True)
        raise
    return unfinished


def walk(base: str) -> Iterator[tuple[str, Stored]]:
    """Files below a folder. What vanishes meanwhile (another process renames or deletes) is not there."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for folder, _, names in os.walk(base, onerror=refuse):
        for name in names:
            path = os.path.join(folder, name)
            with suppress(FileNotFoundError):
                found = os.stat(path)
                yield path, Stored(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def sync_folder(path: str) -> None:
    """Let the name of a file that was written survive a loss of power."""
    handle = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Which names are ours: everything that comes out of a file or a listing is held against these before it is a path."""

import re
from urllib.parse import quote, unquote

from mlpo_core.errors import BadInput

PART = re.compile(r"part-\d{6,}\.parquet")
VERSION = re.compile(r"[0-9a-f]{20}")
"""The key of a version, and the name of its folder: what has another name is not deleted."""
QUARANTINED = re.compile(r"[0-9a-f]{20}-\d{8}T\d{6}-[0-9a-f]{8}")
"""The folder of a version that was set aside."""
MARKER = "mlpo-root"
"""File of the root: the mark that it is one."""
POINTERS = "experiments"
"""Folder of the root: by experiment and asset, the version that it uses."""
CONTENT = 12
"""Hexadecimal digits of the content in the name under which something is stored."""
_NAMED = re.compile(rf"-[0-9a-f]{{{CONTENT}}}(|\.[^./]+)$")
FILE = re.compile(r"(?:[\w-]+/)*[\w-]+\.\w+")
"""Files that stages write beside the parts: no copy that a sync tool makes has such a name."""
IN_A_FOLDER = re.compile(rf"-[0-9a-f]{{{CONTENT}}}/")
"""Stands in the names of the files of a stored folder."""
_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_PLAIN = "=,+:@"
_LONGEST = 255
"""Bytes of a file's name, on nearly every disk."""


def inside(name: str) -> bool:
    """Whether a name is relative and normalised, so that it stays in the folder it is joined to."""
    if not name.isprintable() or "\\" in name:
        return False
    return all(segment not in ("", ".", "..") for segment in name.split("/"))


def is_key(key: str) -> bool:
    """Whether a version's key can be the name of a folder."""
    return _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """A version's key, if it can be the name of a folder.

    Raises:
        BadInput: It cannot.
    """
    if not is_key(key):
        raise BadInput(f"{key!r} cannot be the key of a version: expected letters, digits, - and _")
    return key


def folder_named(name: str, digest: str) -> str:
    """Under what name a folder of this content is stored."""
    return f"{name}-{digest[:CONTENT]}"


def file_named(name: str, digest: str) -> str:
    """Under what name a file of this content is stored; how it ends stays, so that it opens as what it is."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{digest[:CONTENT]}{dot}{ending}"


def without_content(stored: str) -> str | None:
    """The name of what is stored under a name that its content gives; None for any other name."""
    name, found = _NAMED.subn(r"\1", stored)
    return name if found else None


def encoded(partition: str) -> str:
    """The folder of an experiment's pointers: one name, whatever the experiment is called.

    Raises:
        BadInput: The name is empty or too long.
    """
    name = quote(partition, safe=_PLAIN)
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if not name or len(name) > _LONGEST:
        raise BadInput(f"experiment {partition[:60]!r}: its name is {len(name)} bytes as a folder, not 1 to {_LONGEST}")
    return name


def decoded(folder: str) -> str:
    """The experiment whose pointers a folder holds."""
    return unquote(folder)

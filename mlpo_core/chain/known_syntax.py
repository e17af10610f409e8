"""What modules say, remembered between processes: reading 230 of them as syntax costs a second of processor.

A file of this machine's cache, by the hash of what was read; without it, or with a damaged one, sources are read anew.
"""

import hashlib
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from mlpo_core.plugins import syntax
from mlpo_core.plugins.syntax import Said
from mlpo_core.store import disk, scratch

MOST = 5000
"""Modules that are remembered; beyond it only those that were asked for last."""


_FILE = TypeAdapter(dict[str, Said])
_asked: dict[str, Said] = {}


def said(source: bytes, module: str) -> Said:
    """What a module's source says; `module` is its dotted name, which relative imports start from."""
    name = hashlib.sha256(b"\0".join((_reader(), module.encode(), source))).hexdigest()
    found = _asked.get(name) or _remembered().get(name) or syntax.read(source, module)
    _asked[name] = found
    return found


def remember() -> None:
    """Keep what was asked for, for the next process; where the cache cannot be written nothing is kept."""
    known = _remembered()
    if _asked.keys() <= known.keys():
        return
    known |= _asked
    with suppress(OSError, RuntimeError):
        disk.replace(str(_path()), _FILE.dump_json(known if len(known) <= MOST else _asked))


@cache
def _remembered() -> dict[str, Said]:
    try:
        return _FILE.validate_json(_path().read_bytes())
    except (OSError, RuntimeError, ValueError):
        return {}


def _path() -> Path:
    return scratch.cache() / "syntax.json"


@cache
def _reader() -> bytes:
    """Stands for what reads syntax: another one may say another thing of the same source."""
    return hashlib.sha256(repr(sys.version_info).encode() + Path(syntax.__file__).read_bytes()).digest()

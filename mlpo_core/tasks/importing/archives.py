"""Zip files of strangers: members are read as streams, never unpacked, and what looks hostile is refused."""

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mlpo_core.errors import BadInput
from mlpo_core.store.names import inside

_LARGEST, _RATIO, _SMALL = 8 << 30, 200, 64 << 20
"""Bytes of all members at most; how many times the archive they may be, once they are more than a small number."""
_MEMBERS = 500_000
_IGNORED = ("__MACOSX/", ".DS_Store")


@contextmanager
def archive(path: Path) -> Generator[zipfile.ZipFile]:
    """An archive that is safe to read.

    Raises:
        BadInput: It is no zip file, a member's name leads out of it, or it would unpack to too much; names it. Also for
            what goes wrong while it is read.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            _check(opened, path)
            yield opened
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise BadInput(
            f"{path}: not readable as a zip file ({error}). Download it again, or unpack it first"
        ) from error


def members(opened: zipfile.ZipFile, ending: str) -> list[str]:
    """Names of the files with this ending, in the archive's order."""
    names = [info.filename for info in opened.infolist() if not info.is_dir()]
    return [n for n in names if n.endswith(ending) and not n.startswith(_IGNORED[0]) and not n.endswith(_IGNORED[1])]


@contextmanager
def json_file(path: Path) -> Generator[tuple[IO[bytes], str]]:
    """The one JSON file of an archive, or a JSON file as it is; and its name for errors."""
    if path.suffix != ".zip":
        with path.open("rb") as file:
            yield file, str(path)
        return
    with archive(path) as opened:
        names = members(opened, ".json")
        if len(names) != 1:
            raise BadInput(f"{path}: expected one .json file in it, found {len(names)}")
        with opened.open(names[0]) as file:
            yield file, f"{path}: {names[0]}"


def _check(opened: zipfile.ZipFile, path: Path) -> None:
    infos = opened.infolist()
    if len(infos) > _MEMBERS:
        raise BadInput(f"{path}: {len(infos):,} files in it, more than {_MEMBERS:,}")
    for info in infos:
        if not inside(info.filename.rstrip("/")) or "\\" in info.filename:
            raise BadInput(f"{path}: {info.filename!r:.80} leads out of the archive: refused")
        if info.flag_bits & 1:
            raise BadInput(f"{path}: {info.filename} is encrypted: unpack it first")
    unpacked, packed = sum(info.file_size for info in infos), path.stat().st_size
    if unpacked > _LARGEST or (unpacked > _SMALL and unpacked > _RATIO * packed):
        raise BadInput(f"{path}: {packed:,} bytes that would unpack to {unpacked:,}: refused as a zip bomb")

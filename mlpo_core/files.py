"""Files behind URLs, local and `s3://` alike: whole-or-nothing writes, and create-if-absent for races."""

import os
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec

from mlpo_core.errors import BadInput, missing_extra


class Folder:
    """A folder at a URL (`/path`, `file:///path`, `s3://bucket/prefix`). Names are relative, with `/`."""

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        self.is_local = scheme in ("", "file")
        if self.is_local:
            path = Path(unquote(url[7:]) if scheme else url).expanduser().absolute()
            self.url = path.as_uri()
            self._base = str(path)
        elif scheme == "s3":
            self.url = url.rstrip("/")
            self._base = self.url.removeprefix("s3://")
        else:
            raise BadInput(f"{url}: unsupported scheme {scheme!r}; use a local path, file:// or s3://")
        try:
            self._fs: Any = fsspec.filesystem("file" if self.is_local else scheme)
        except ImportError as error:
            raise missing_extra("s3fs", "s3") from error

    def join(self, *parts: str) -> "Folder":
        """A folder below this one."""
        return Folder("/".join((self.url, *parts)))

    def path(self, name: str = "") -> str:
        """The path of a file as its filesystem knows it; for a local folder an ordinary path."""
        return f"{self._base}/{name}" if name else self._base

    @property
    def filesystem(self) -> Any:
        """The fsspec filesystem that holds this folder."""
        return self._fs

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None where there is none."""
        if not self.is_local:
            self._fs.invalidate_cache()
        try:
            return self._fs.cat_file(self.path(name))
        except FileNotFoundError:
            return None

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless one is there. Whole or not at all; of racing writers exactly one gets True."""
        if not self.is_local:
            try:
                self._fs.pipe_file(self.path(name), data, mode="create")
            except FileExistsError:
                return False
            return True
        beside = self._write_beside(name, data)
        try:
            os.link(beside, self.path(name))
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
        _sync_folder(self.path(name))
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over whatever is there. A reader sees the old bytes or the new, never a mixture."""
        if self.is_local:
            os.replace(self._write_beside(name, data), self.path(name))
            _sync_folder(self.path(name))
        else:
            self._fs.pipe_file(self.path(name), data)

    def upload(self, name: str, local: Path) -> None:
        """Copy a local file here, whole or not at all. Large files are streamed."""
        if not self.is_local:
            self._fs.put_file(str(local), self.path(name))
            return
        beside = self._beside(name)
        self._fs.cp_file(str(local), beside)
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, self.path(name))

    def names(self) -> list[str]:
        """Every file below this folder, sorted, without leftovers of interrupted writes."""
        if not self.is_local:
            self._fs.invalidate_cache()
        prefix = self._base + "/"
        found = [str(p) for p in self._fs.find(self._base)]
        return sorted(p.removeprefix(prefix) for p in found if "/.tmp-" not in p)

    def folders(self) -> list[str]:
        """Names of the folders directly below."""
        if not self.is_local:
            self._fs.invalidate_cache()
        try:
            entries = self._fs.ls(self._base, detail=True)
        except FileNotFoundError:
            return []
        return sorted(e["name"].rstrip("/").rsplit("/", 1)[-1] for e in entries if e["type"] == "directory")

    def remove(self, name: str = "") -> None:
        """Delete a file, or the whole folder."""
        if self._fs.exists(self.path(name)):
            self._fs.rm(self.path(name), recursive=True)

    def _beside(self, name: str) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        return str(target.parent / f".tmp-{uuid.uuid4().hex}")

    def _write_beside(self, name: str, data: bytes) -> str:
        beside = self._beside(name)
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return beside


def _sync_folder(path: str) -> None:
    handle = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

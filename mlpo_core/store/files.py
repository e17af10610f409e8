"""Files behind URLs, local and `s3://` alike: whole-or-nothing writes, and create-if-absent for races."""

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import fsspec

from mlpo_core.errors import missing_extra
from mlpo_core.store import disk
from mlpo_core.store.disk import TEMPORARY, Stored
from mlpo_core.store.failures import explained, s3_code
from mlpo_core.store.places import Place, place

_TRIES = 20


class Upload(NamedTuple):
    """A multipart upload that was begun and not completed: invisible, and paid for."""

    name: str
    id: str
    begun: datetime


class Folder:
    """A folder at a URL (`/path`, `file:///path`, `s3://bucket/prefix`). Names are relative, with `/`.

    Every operation raises `BadInput` or `Transient` with what to do where the disk or the object store refuses.
    """

    def __init__(self, where: str | Place) -> None:
        self.is_local, self._base = where if isinstance(where, Place) else place(where)
        self._fs: Any = None if self.is_local else _s3()

    @cached_property
    def url(self) -> str:
        """One URL, however the place was written."""
        return f"file://{quote(os.fsencode(self._base))}" if self.is_local else f"s3://{self._base}"

    @property
    def is_link(self) -> bool:
        """Whether this is a link to a folder, which may be anywhere; an object store has none."""
        return self.is_local and os.path.islink(self._base)

    def join(self, *parts: str) -> "Folder":
        """A folder below this one."""
        return Folder(Place(self.is_local, "/".join((self._base.rstrip("/"), *parts))))

    def beside(self, suffix: str) -> "Folder":
        """The folder of the same name with a suffix."""
        return Folder(Place(self.is_local, self._base + suffix))

    def path(self, name: str = "") -> str:
        """The path of a file as its filesystem knows it; for a local folder an ordinary path."""
        return f"{self._base}/{name}" if name else self._base

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None where there is none. One request."""
        with explained(self.url):
            try:
                if self.is_local:
                    return Path(self.path(name)).read_bytes()
                return self._fs.cat_file(self.path(name), max_concurrency=1)
            except FileNotFoundError as error:
                if s3_code(error) == "NoSuchBucket":
                    raise
                return None

    @contextmanager
    def open(self, name: str) -> Generator[Any]:
        """A file to read from, seekable."""
        with explained(self.url):
            path = self.path(name)
            with open(path, "rb") if self.is_local else self._fs.open(path, "rb") as file:
                yield file

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless one is there. Whole or not at all; of racing writers exactly one gets True."""
        with explained(self.url):
            return disk.create(self.path(name), data) if self.is_local else self._create_remote(name, data)

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over whatever is there. A reader sees the old bytes or the new, never a mixture."""
        with explained(self.url):
            if self.is_local:
                disk.replace(self.path(name), data)
            else:
                self._fs.pipe_file(self.path(name), data)

    def upload(self, name: str, local: Path) -> None:
        """Copy a local file here, whole or not at all. Large files are streamed."""
        with explained(self.url):
            if not self.is_local:
                self._fs.put_file(str(local), self.path(name))
                return
            beside = disk.beside(self.path(name))
            try:
                shutil.copyfile(local, beside)
                with open(beside, "rb") as file:
                    os.fsync(file.fileno())
                os.replace(beside, self.path(name))
            finally:
                Path(beside).unlink(missing_ok=True)

    def download(self, name: str, local: Path) -> None:
        """Copy a file from here to a local path."""
        with explained(self.url):
            if self.is_local:
                shutil.copyfile(self.path(name), local)
            else:
                self._fs.get_file(self.path(name), str(local))

    def stored(self, *, temporary: bool = False) -> dict[str, Stored]:
        """Every file below this folder with its size and time, sorted by name. One listing.

        Args:
            temporary: With the leftovers of interrupted local writes.
        """
        prefix = self._base + "/"
        with explained(self.url):
            if self.is_local:
                found = dict(disk.walk(self._base))
            else:
                listed: dict[str, dict[str, Any]] = self._fs.find(self._base, detail=True)
                found = {p: Stored(int(i["size"]), i["LastModified"]) for p, i in listed.items() if i["type"] == "file"}
        return {
            path.removeprefix(prefix): stored
            for path, stored in sorted(found.items())
            if temporary or f"/{TEMPORARY}" not in path
        }

    def names(self) -> list[str]:
        """Every file below this folder, sorted, without leftovers of interrupted writes."""
        return list(self.stored())

    def folders(self) -> list[str]:
        """Names of the folders directly below; a link to a folder is none."""
        return sorted(name for name, is_folder in self._listed() if is_folder)

    def entries(self) -> list[str]:
        """Names of everything directly below, without leftovers of interrupted writes."""
        return sorted(name for name, _ in self._listed() if not name.startswith(TEMPORARY))

    def links(self) -> list[str]:
        """Names of the links directly below; an object store has none."""
        if not self.is_local or not os.path.isdir(self._base):
            return []
        with explained(self.url):
            return sorted(path.name for path in Path(self._base).iterdir() if path.is_symlink())

    def remove(self, name: str = "") -> None:
        """Delete a file, or the whole folder."""
        path = self.path(name)
        with explained(self.url):
            if self.is_local:
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    Path(path).unlink(missing_ok=True)
            elif self._fs.exists(path):
                self._fs.rm(path, recursive=True)

    def move(self, target: "Folder", last: str) -> None:
        """Move everything to another folder of the same storage: at once on a disk, file by file on S3.

        Args:
            target: Where it goes; nothing is there yet.
            last: The file that goes last, so that an interrupted move can be told and repeated.
        """
        with explained(self.url):
            if self.is_local:
                Path(target.path()).parent.mkdir(parents=True, exist_ok=True)
                os.rename(self._base, target.path())
                return
            for name in sorted(self.names(), key=lambda n: n == last):
                self._fs.mv(self.path(name), target.path(name))

    def uploads(self) -> list[Upload]:
        """Multipart uploads below this folder that nobody completed. A disk has none."""
        if self.is_local:
            return []
        bucket, _, below = self._base.partition("/")
        prefix = f"{below}/" if below else ""
        found: list[Upload] = []
        where: dict[str, str] = {}
        with explained(self.url):
            while True:
                page = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **where)
                for entry in page.get("Uploads", []):
                    found.append(Upload(entry["Key"].removeprefix(prefix), entry["UploadId"], entry["Initiated"]))
                if not page.get("IsTruncated"):
                    return found
                where = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def abort(self, upload: Upload) -> None:
        """Give an uncompleted upload's space back."""
        bucket, _, key = self.path(upload.name).partition("/")
        with explained(self.url):
            self._fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload.id)

    def _listed(self) -> list[tuple[str, bool]]:
        """Names directly below, each with whether it is a folder."""
        with explained(self.url):
            try:
                if self.is_local:
                    with os.scandir(self._base) as found:
                        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
                entries = self._fs.ls(self._base, detail=True)
            except FileNotFoundError as error:
                if s3_code(error) == "NoSuchBucket":
                    raise
                return []
        return [(e["name"].rstrip("/").rsplit("/", 1)[-1], e["type"] == "directory") for e in entries]

    def _create_remote(self, name: str, data: bytes) -> bool:
        for tries_left in reversed(range(_TRIES)):
            try:
                self._fs.pipe_file(self.path(name), data, mode="create")
                return True
            except OSError as error:
                code = s3_code(error)
                if code == "PreconditionFailed":
                    return False
                # AWS says this while another conditional write to the same name is under way.
                if code != "ConditionalRequestConflict" or not tries_left:
                    raise
            time.sleep(0.2)
        return False


def _s3() -> Any:
    try:
        # Other processes write there too: what was listed once is not what is there now.
        return fsspec.filesystem("s3", use_listings_cache=False)
    except ImportError as error:
        raise missing_extra("s3fs", "s3") from error

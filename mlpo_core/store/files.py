"""Files behind URLs, local and `s3://` alike: whole-or-nothing writes, and create-if-absent for races."""

import os
import shutil
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import fsspec

from mlpo_core.errors import BadInput, missing_extra
from mlpo_core.store.failures import explained, s3_code

TEMPORARY = ".tmp-"
"""How the name of a local file begins while it is written."""
_TRIES = 20


class Stored(NamedTuple):
    """A file that is there."""

    bytes: int
    modified: datetime


class Upload(NamedTuple):
    """A multipart upload that was begun and not completed: invisible, and paid for."""

    name: str
    id: str
    begun: datetime


class Folder:
    """A folder at a URL (`/path`, `file:///path`, `s3://bucket/prefix`). Names are relative, with `/`.

    Every operation raises `BadInput` or `Transient` with what to do where the disk or the object store refuses.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.is_local = parts.scheme in ("", "file")
        if self.is_local:
            path = Path(unquote(url[7:]) if parts.scheme else url).expanduser().absolute()
            self.url = path.as_uri()
            self._base = str(path)
        elif parts.scheme == "s3":
            if "@" in parts.netloc:
                raise BadInput(
                    "the storage URL carries a user name or password. Put credentials in the environment "
                    "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and write s3://bucket/prefix"
                )
            self.url = url.rstrip("/")
            self._base = self.url.removeprefix("s3://")
        else:
            raise BadInput(f"{url}: unsupported scheme {parts.scheme!r}; use a local path, file:// or s3://")
        self._fs: Any = None if self.is_local else _s3()

    def join(self, *parts: str) -> "Folder":
        """A folder below this one."""
        # A local URL is quoted and would be unquoted again; names are not.
        return Folder("/".join((self._base if self.is_local else self.url, *parts)))

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
            return self._create_local(name, data) if self.is_local else self._create_remote(name, data)

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over whatever is there. A reader sees the old bytes or the new, never a mixture."""
        with explained(self.url):
            if self.is_local:
                os.replace(self._write_beside(name, data), self.path(name))
                _sync_folder(self.path(name))
            else:
                self._fs.pipe_file(self.path(name), data)

    def upload(self, name: str, local: Path) -> None:
        """Copy a local file here, whole or not at all. Large files are streamed."""
        with explained(self.url):
            if not self.is_local:
                self._fs.put_file(str(local), self.path(name))
                return
            beside = self._beside(name)
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
                found = {p: Stored(s.st_size, datetime.fromtimestamp(s.st_mtime, UTC)) for p, s in _walk(self._base)}
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
        with explained(self.url):
            try:
                if self.is_local:
                    return sorted(p.name for p in Path(self._base).iterdir() if p.is_dir() and not p.is_symlink())
                entries = self._fs.ls(self._base, detail=True)
            except FileNotFoundError as error:
                if s3_code(error) == "NoSuchBucket":
                    raise
                return []
        return sorted(e["name"].rstrip("/").rsplit("/", 1)[-1] for e in entries if e["type"] == "directory")

    def remove(self, name: str = "") -> None:
        """Delete a file, or the whole folder."""
        path = self.path(name)
        with explained(self.url):
            if self.is_local:
                if os.path.isdir(path):
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
        bucket, _, prefix = self._base.partition("/")
        found: list[Upload] = []
        where: dict[str, str] = {}
        with explained(self.url):
            while True:
                page = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/", **where)
                for entry in page.get("Uploads", []):
                    found.append(Upload(entry["Key"].removeprefix(f"{prefix}/"), entry["UploadId"], entry["Initiated"]))
                if not page.get("IsTruncated"):
                    return found
                where = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def abort(self, upload: Upload) -> None:
        """Give an uncompleted upload's space back."""
        bucket, _, key = self.path(upload.name).partition("/")
        with explained(self.url):
            self._fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload.id)

    def _create_local(self, name: str, data: bytes) -> bool:
        beside = self._write_beside(name, data)
        try:
            os.link(beside, self.path(name))
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
        _sync_folder(self.path(name))
        return True

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

    def _beside(self, name: str) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        return str(target.parent / f"{TEMPORARY}{uuid.uuid4().hex}")

    def _write_beside(self, name: str, data: bytes) -> str:
        beside = self._beside(name)
        try:
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # A full disk must not stay full of halves.
            Path(beside).unlink(missing_ok=True)
            raise
        return beside


def _s3() -> Any:
    try:
        # Other processes write there too: what was listed once is not what is there now.
        return fsspec.filesystem("s3", use_listings_cache=False)
    except ImportError as error:
        raise missing_extra("s3fs", "s3") from error


def _walk(base: str) -> Iterator[tuple[str, os.stat_result]]:
    """Files below a local folder. What vanishes meanwhile (another process renames or deletes) is not there."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for folder, _, names in os.walk(base, onerror=refuse):
        for name in names:
            path = os.path.join(folder, name)
            with suppress(FileNotFoundError):
                yield path, os.stat(path)


def _sync_folder(path: str) -> None:
    handle = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

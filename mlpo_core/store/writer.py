"""Writes one version: parts are created at most once, and nothing is visible until the manifest, which comes last.

An interrupted writer resumes at the first missing part, and racing writers end with one version.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput, Transient
from mlpo_core.progress import log
from mlpo_core.store.digest import content_of, folder_sha256, table_digest
from mlpo_core.store.files import Folder
from mlpo_core.store.kept import Kept
from mlpo_core.store.manifest import FINDINGS, MANIFEST, FileInfo, Manifest, Origin, PartInfo, content_digest
from mlpo_core.store.names import FILE, IN_A_FOLDER, PART, file_named, folder_named, without_content
from mlpo_core.store.parquet import Unreadable, decoding
from mlpo_core.store.schemas import SCHEMAS, TRAINING_LOG, VOLATILE
from mlpo_core.store.scratch import PARTIAL, scratch_folder


class Writer:
    """Writes one version. Nothing is visible until `commit`."""

    def __init__(self, folder: Folder, asset: str, key: str) -> None:
        self._folder = folder
        self.asset = asset
        self.key = key
        self.schema = SCHEMAS[asset]
        self._started = datetime.now(UTC)
        self._seen: set[str] = set()
        self._folders: dict[str, str] = {}
        """Under which name a folder, or a file on a remote root, is stored."""
        self._discarded: set[str] = set()
        self._uploaded: dict[str, FileInfo] = {}
        self._kept = None if folder.is_local else Kept(folder.beside(PARTIAL), scratch_folder(folder, asset, key))

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Wait until no other process of this machine makes this version: they would share `scratch`."""
        with (self.scratch() / "lock").open("w") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log(f"{self.asset}: another process is making version {self.key}: waiting for it")
                fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    def done(self) -> set[int]:
        """Indices of the parts that an earlier, interrupted run finished."""
        names = [n for n in self._folder.names() if PART.fullmatch(n)]
        self._seen.update(names)
        return {int(n.removeprefix("part-").removesuffix(".parquet")) for n in names}

    def write(self, index: int, rows: pa.Table | Sequence[dict[str, Any]]) -> None:
        """Write part `index`, whole or not at all. A part that is there already stays."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=self.schema)
        buffer = BytesIO()
        pq.write_table(table.cast(self.schema), buffer, compression="zstd", write_page_checksum=True)
        self._folder.create(_part(index), buffer.getvalue())
        self._seen.add(_part(index))

    def part(self, index: int) -> pa.Table:
        """A part that is written: what an interrupted run left for the next one to build on.

        Raises:
            BadInput: It is damaged; then it is deleted, and made again by the next run.
        """
        return self._parse(_part(index), self._folder.read(_part(index)) or b"", self.schema)

    def get(self, name: str) -> bytes | None:
        """A file of this version that was `put`, by this run or an interrupted one; None if there is none."""
        if self._folder.is_local:
            return self._folder.read(name)
        if name not in self._folders:
            self._folders = {**self._left(), **self._folders}
        return self._folder.read(self._folders.get(name, name))

    def put(self, name: str, data: bytes) -> None:
        """Write another file of this version (a plot, a card).

        On a remote root it is stored under a name that its content gives: no writer that comes second can write over a
        file of a finished version. A disk has a lock for that, and a version that is finished is left as it is.

        Args:
            name: Perhaps with folders; letters, digits, `_` and `-`, and one ending.
            data: All of it.
        """
        if not FILE.fullmatch(name) or name.startswith("part-"):
            raise ValueError(f"{name!r} cannot be the name of a file of a version")
        self._discarded.discard(name)
        if not self._folder.is_local:
            self._folders[name] = file_named(name, hashlib.sha256(data).hexdigest())
            self._folder.create(self._folders[name], data)
        elif not self._finished():
            self._folder.replace(name, data)

    def files(self) -> set[str]:
        """The files that were `put`, by this run or an interrupted one."""
        names = self._folder.names()
        own = self._own(names)
        return {own[name] for name in names if name in own and not PART.fullmatch(name)}

    def discard(self, name: str) -> None:
        """Leave out a file that an interrupted run has put. On a remote root another machine's version may hold it."""
        if self._folder.is_local and not self._finished():
            self._folder.remove(name)
        self._discarded.add(name)

    def put_folder(self, name: str, local: Path) -> None:
        """Copy a local folder (a checkpoint) into this version.

        Stored under a name that its content gives, so that writers that race never mix their weights.
        """
        hashes = folder_sha256(local)
        stored = folder_named(name, content_of(hashes))
        for file, sha256 in hashes.items():
            self._folder.upload(f"{stored}/{file}", local / file)
            size = (local / file).stat().st_size
            self._uploaded[f"{name}/{file}"] = FileInfo(bytes=size, sha256=sha256)
        self._folders[name] = stored

    def scratch(self) -> Path:
        """A local folder for unfinished work (training checkpoints) that survives a kill; gone after `commit`."""
        path = scratch_folder(self._folder, self.asset, self.key)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, folder: Path) -> None:
        """Copy a finished folder in `scratch` (a training checkpoint) to a remote root, for another machine to go on.

        What this process kept and is gone here goes there too. Where the root is a disk, `scratch` is in it already.
        """
        if self._kept and not self._finished():
            self._kept.keep(folder)

    def restore(self, folder: Path) -> None:
        """Fetch what was kept below a folder of `scratch` and is not on this machine; to be called once per machine.

        Raises:
            BadInput: What was kept has a name that leads out of the folder.
        """
        if self._kept:
            self.scratch()
            self._kept.restore(folder)

    def commit(self, origin: Origin, stats: dict[str, Any]) -> Manifest:
        """Make the version exist: digest what was written and create the manifest, last.

        Raises:
            Transient: A part that was written is gone.
        """
        parts: list[PartInfo] = []
        files = dict(self._uploaded)
        names = self._folder.names()
        own = self._own(names)
        if lost := sorted(self._seen.difference(names)):
            raise Transient(f"{self._folder.url}: {lost[0]} vanished while this version was made")
        for name in names:
            if PART.fullmatch(name):
                data = self._folder.read(name) or b""
                table = self._parse(name, data)
                digest = "" if self.schema is TRAINING_LOG else table_digest(table, VOLATILE)
                sha = hashlib.sha256(data).hexdigest()
                parts.append(PartInfo(name=name, rows=table.num_rows, bytes=len(data), sha256=sha, digest=digest))
            # What a sync tool adds is none of these: it has the name of a copy.
            elif name in own:
                size, sha = self._hash_file(name)
                files[own[name]] = FileInfo(bytes=size, sha256=sha)
        now = datetime.now(UTC)
        manifest = Manifest(
            asset=self.asset,
            key=self.key,
            digest=content_digest(parts, files),
            rows=sum(p.rows for p in parts),
            parts=parts,
            files=files,
            folders=self._folders,
            inputs=origin.inputs,
            input_keys=origin.input_keys,
            config=origin.config,
            versions=origin.versions,
            stats=stats,
            created=now.isoformat(timespec="seconds"),
            seconds=round((now - self._started).total_seconds(), 2),
        )
        self._folder.create(MANIFEST, manifest.model_dump_json(indent=1).encode())
        shutil.rmtree(scratch_folder(self._folder, self.asset, self.key), ignore_errors=True)
        if self._kept:
            self._kept.clear()
        stored = self._folder.read(MANIFEST)
        if stored is None:
            raise Transient(f"{self._folder.url}: this version was deleted as soon as it was made. Run this again")
        return Manifest.model_validate_json(stored)

    def _left(self) -> dict[str, str]:
        """The files that are stored under names that their content gives; of several, the newest."""
        stored = sorted(self._folder.stored().items(), key=lambda item: item[1].modified)
        named = {n: without_content(n) for n, _ in stored if not IN_A_FOLDER.search(n)}
        return {name: n for n, name in named.items() if name and FILE.fullmatch(name)}

    def _own(self, names: Sequence[str]) -> dict[str, str]:
        """Which of the stored files are files beside the parts, and what they are called."""
        plain = [n for n in names if FILE.fullmatch(n) and not IN_A_FOLDER.search(n) and n not in (MANIFEST, FINDINGS)]
        if self._folder.is_local:
            return {name: name for name in plain}
        found = {**self._left(), **self._folders}
        self._folders = {name: n for name, n in found.items() if name not in self._discarded}
        named = {self._folders[n]: n for n in self._folders}
        return {name: name for name in plain if not without_content(name) and name not in self._folders} | named

    def _finished(self) -> bool:
        return self._folder.read(MANIFEST) is not None

    def _parse(self, name: str, data: bytes, schema: pa.Schema | None = None) -> pa.Table:
        try:
            with decoding():
                table = pq.read_table(BytesIO(data), page_checksum_verification=True)
                table.validate(full=True)
                return table.cast(schema) if schema else table
        except Unreadable as error:
            self._folder.remove(name)
            message = f"{self._folder.path(name)} was damaged before its version was finished ({error})"
            raise BadInput(f"{message}. It was deleted: run the same command again to make it again") from error

    def _hash_file(self, name: str) -> tuple[int, str]:
        sha, size = hashlib.sha256(), 0
        with self._folder.open(name) as file:
            while block := file.read(1 << 22):
                sha.update(block)
                size += len(block)
        return size, sha.hexdigest()


def _part(index: int) -> str:
    return f"part-{index:06d}.parquet"

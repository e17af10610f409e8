"""Writes one version: parts are created at most once, and nothing is visible until the manifest, which comes last.

An interrupted writer resumes at the first missing part, and racing writers end with one version.
"""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput, Transient
from mlpo_core.progress import log
from mlpo_core.store.digest import combine_digests, file_sha256, table_digest
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import MANIFEST, FileInfo, Manifest, Origin, PartInfo, content_digest
from mlpo_core.store.names import CONTENT, PART, inside, is_stored_folder
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
        self._uploaded: dict[str, FileInfo] = {}

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
        """A file of this version that was `put`, or None."""
        return self._folder.read(name)

    def put(self, name: str, data: bytes) -> None:
        """Write another file of this version (a plot, a card), unless another writer has finished it."""
        if not self._finished():
            self._folder.replace(name, data)

    def put_folder(self, name: str, local: Path) -> None:
        """Copy a local folder (a checkpoint) into this version.

        Stored under a name that its content gives, so that writers that race never mix their weights.
        """
        files = {path.relative_to(local).as_posix(): path for path in sorted(local.rglob("*")) if path.is_file()}
        infos = {file: FileInfo(bytes=path.stat().st_size, sha256=file_sha256(path)) for file, path in files.items()}
        content = combine_digests(f"{file} {info.sha256}" for file, info in infos.items())
        stored = f"{name}-{content[:CONTENT]}"
        for file, path in files.items():
            self._folder.upload(f"{stored}/{file}", path)
        self._folders[name] = stored
        self._uploaded.update({f"{name}/{file}": info for file, info in infos.items()})

    def scratch(self) -> Path:
        """A local folder for unfinished work (training checkpoints) that survives a kill; gone after `commit`."""
        path = scratch_folder(self._folder, self.asset, self.key)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, folder: Path) -> None:
        """Copy a finished folder in `scratch` (a training checkpoint) to a remote root, for another machine to go on.

        Siblings that are gone here go there too. Where the root is a disk, `scratch` is in it already.
        """
        if self._folder.is_local:
            return
        name = folder.relative_to(self.scratch()).as_posix()
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self._kept.upload(f"{name}/{path.relative_to(folder).as_posix()}", path)
        siblings = self._kept.join(*name.split("/")[:-1])
        for sibling in siblings.folders():
            if not (folder.parent / sibling).exists():
                siblings.remove(sibling)

    def restore(self, folder: Path) -> None:
        """Fetch what was kept below a folder of `scratch` and is not on this machine; to be called once per machine.

        Raises:
            BadInput: What was kept has a name that leads out of the folder.
        """
        if self._folder.is_local:
            return
        name = folder.relative_to(self.scratch()).as_posix()
        kept = self._kept.join(name)
        for child in kept.folders():
            files = kept.join(child).names()
            if wrong := [file for file in [child, *files] if not inside(file)]:
                raise BadInput(f"{kept.path(child)}: {wrong[0]!r} leads out of this folder: delete it, then run again")
            if not (folder / child).exists():
                beside = Path(tempfile.mkdtemp(prefix=".restored-", dir=self.scratch()))
                for file in files:
                    (beside / file).parent.mkdir(parents=True, exist_ok=True)
                    kept.download(f"{child}/{file}", beside / file)
                folder.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # of machines with a common disk another was first
                    beside.rename(folder / child)
                shutil.rmtree(beside, ignore_errors=True)

    def commit(self, origin: Origin, stats: dict[str, Any]) -> Manifest:
        """Make the version exist: digest what was written and create the manifest, last.

        Raises:
            Transient: A part that was written is gone.
        """
        parts: list[PartInfo] = []
        files = dict(self._uploaded)
        names = self._folder.names()
        if lost := sorted(self._seen.difference(names)):
            raise Transient(f"{self._folder.url}: {lost[0]} vanished while this version was made")
        for name in names:
            if PART.fullmatch(name):
                data = self._folder.read(name) or b""
                table = self._parse(name, data)
                digest = "" if self.schema is TRAINING_LOG else table_digest(table, VOLATILE)
                sha = hashlib.sha256(data).hexdigest()
                parts.append(PartInfo(name=name, rows=table.num_rows, bytes=len(data), sha256=sha, digest=digest))
            # What a sync tool adds beside a part has a name like one, and its rows are there already.
            elif name != MANIFEST and not name.startswith("part-") and not self._in_a_folder(name):
                size, sha = self._hash_file(name)
                files[name] = FileInfo(bytes=size, sha256=sha)
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
        if not self._folder.is_local:
            self._kept.remove()
        stored = self._folder.read(MANIFEST)
        if stored is None:
            raise Transient(f"{self._folder.url}: this version was deleted as soon as it was made. Run this again")
        return Manifest.model_validate_json(stored)

    @property
    def _kept(self) -> Folder:
        return Folder(self._folder.url + PARTIAL)

    def _in_a_folder(self, name: str) -> bool:
        """Whether a file is of a folder: this writer's, which it knows, or one that another writer left."""
        depths = {folder: folder.count("/") + 1 for folder in self._folders}
        return any(is_stored_folder("/".join(name.split("/")[:depth]), f) for f, depth in depths.items())

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

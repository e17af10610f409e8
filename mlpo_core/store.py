"""Immutable, content-keyed dataset and checkpoint versions.

A version is `<root>/<asset>/<key>/` with `part-*.parquet`, perhaps other files, and `manifest.json`, written last:
without a manifest it is not there. Parts are created at most once, so an interrupted writer resumes at the first
missing part and racing writers end with one version.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from mlpo_core.digest import combine_digests, table_digest
from mlpo_core.errors import BadInput
from mlpo_core.files import Folder
from mlpo_core.schemas import SCHEMAS, TRAINING_LOG, VOLATILE

MANIFEST = "manifest.json"
DEFAULT_ROOT = "./.mlpo"


class VersionRef(BaseModel):
    """What stands for a version wherever a value is passed: small, and safe to store."""

    model_config = ConfigDict(frozen=True)

    asset: str
    url: str
    key: str
    digest: str


class PartInfo(BaseModel):
    name: str
    rows: int
    bytes: int
    sha256: str
    digest: str


class FileInfo(BaseModel):
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a version is and what it was made from. Its presence is what makes a version exist."""

    asset: str
    key: str
    digest: str
    rows: int
    parts: list[PartInfo]
    files: dict[str, FileInfo]
    inputs: dict[str, str | None]
    """Content digest by input asset."""
    input_keys: dict[str, str | None]
    config: dict[str, Any]
    versions: dict[str, str]
    """Code version, engine and library versions that the key covers."""
    stats: dict[str, Any]
    created: str
    seconds: float


class Origin(NamedTuple):
    """What a key was computed from; recorded in the manifest."""

    inputs: dict[str, str | None]
    input_keys: dict[str, str | None]
    config: dict[str, Any]
    versions: dict[str, str]


class Dataset:
    """A lazy handle on a version: nothing is read until asked for."""

    def __init__(self, ref: VersionRef) -> None:
        self.ref = ref
        self._folder = Folder(ref.url)

    @cached_property
    def manifest(self) -> Manifest:
        raw = self._folder.read(MANIFEST)
        if raw is None:
            raise BadInput(f"{self.ref.url}: this version is not there (deleted?). Materialize {self.ref.asset} again.")
        return Manifest.model_validate_json(raw)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        return SCHEMAS[self.ref.asset]

    def count(self) -> int:
        """Rows, from the manifest alone."""
        return self.manifest.rows

    def batches(
        self, columns: Sequence[str] | None = None, batch_size: int = 65536, parts: Collection[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Record batches in row order, part by part: memory does not grow with the dataset.

        Args:
            columns: Only these.
            batch_size: Rows of a batch at most.
            parts: Names of the parts to read; None reads all.
        """
        for part in self.manifest.parts:
            if parts is not None and part.name not in parts:
                continue
            with self._folder.filesystem.open(self._folder.path(part.name), "rb") as file:
                try:
                    yield from pq.ParquetFile(file).iter_batches(batch_size, columns=list(columns) if columns else None)
                except (pa.ArrowInvalid, OSError) as error:
                    raise BadInput(f"{self._folder.path(part.name)}: damaged Parquet part: {error}") from error

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Everything at once; for datasets known to be small."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(c) for c in columns])
        return pa.Table.from_batches([b.cast(schema) for b in self.batches(columns)], schema=schema)

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows as dictionaries, streamed."""
        for batch in self.batches(columns, batch_size=4096):
            yield from batch.to_pylist()

    def read_file(self, name: str) -> bytes:
        """A file beside the parts, such as a plot."""
        data = self._folder.read(name)
        if data is None:
            raise BadInput(f"{self._folder.path(name)}: not there")
        return data

    def local_folder(self, name: str) -> Path:
        """A local path of a folder in this version (a checkpoint); downloaded and verified once if it is remote."""
        if self._folder.is_local:
            return Path(self._folder.path(name))
        target = _scratch_base() / "checkpoints" / self.ref.asset / self.ref.digest / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=target.parent))
            for file, info in self.manifest.files.items():
                if file.startswith(name + "/"):
                    local = beside / file.removeprefix(name + "/")
                    local.parent.mkdir(parents=True, exist_ok=True)
                    self._folder.filesystem.get_file(self._folder.path(file), str(local))
                    if _sha256(local) != info.sha256:
                        raise BadInput(f"{self._folder.path(file)}: does not match its manifest")
            os.replace(beside, target)
        return target


class Writer:
    """Writes one version. Nothing is visible until `commit`."""

    def __init__(self, folder: Folder, asset: str, key: str) -> None:
        self._folder = folder
        self.asset = asset
        self.key = key
        self.schema = SCHEMAS[asset]
        self._started = datetime.now(UTC)

    def done(self) -> set[int]:
        """Indices of the parts that an earlier, interrupted run finished."""
        names = self._folder.names()
        return {int(n[5:11]) for n in names if n.startswith("part-") and n.endswith(".parquet")}

    def write(self, index: int, rows: pa.Table | Sequence[dict[str, Any]]) -> None:
        """Write part `index`, whole or not at all. A part that is there already stays."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=self.schema)
        buffer = BytesIO()
        pq.write_table(table.cast(self.schema), buffer, compression="zstd")
        self._folder.create(f"part-{index:06d}.parquet", buffer.getvalue())

    def part(self, index: int) -> pa.Table:
        """A part that is written: what an interrupted run left for the next one to build on."""
        return pq.read_table(BytesIO(self._folder.read(f"part-{index:06d}.parquet") or b"")).cast(self.schema)

    def get(self, name: str) -> bytes | None:
        """A file of this version that was `put`, or None."""
        return self._folder.read(name)

    def put(self, name: str, data: bytes) -> None:
        """Write another file of this version (a plot, a card)."""
        self._folder.replace(name, data)

    def put_folder(self, name: str, local: Path) -> None:
        """Copy a local folder (a checkpoint) into this version."""
        for path in sorted(local.rglob("*")):
            if path.is_file():
                self._folder.upload(f"{name}/{path.relative_to(local).as_posix()}", path)

    def scratch(self) -> Path:
        """A local folder for unfinished work (training checkpoints) that survives a kill; gone after `commit`."""
        base = Path(self._folder.path()).parent if self._folder.is_local else _scratch_base() / "partial" / self.asset
        path = base / f"{self.key}.partial"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, origin: Origin, stats: dict[str, Any]) -> Manifest:
        """Make the version exist: digest what was written and create the manifest, last."""
        parts: list[PartInfo] = []
        files: dict[str, FileInfo] = {}
        for name in self._folder.names():
            if name.startswith("part-"):
                data = self._folder.read(name) or b""
                table = pq.read_table(BytesIO(data))
                digest = "" if self.schema is TRAINING_LOG else table_digest(table, VOLATILE)
                sha = hashlib.sha256(data).hexdigest()
                parts.append(PartInfo(name=name, rows=table.num_rows, bytes=len(data), sha256=sha, digest=digest))
            elif name != MANIFEST:
                size, sha = self._hash_file(name)
                files[name] = FileInfo(bytes=size, sha256=sha)
        weights = [info.sha256 for name, info in sorted(files.items()) if name.startswith("checkpoint")]
        now = datetime.now(UTC)
        manifest = Manifest(
            asset=self.asset,
            key=self.key,
            digest=combine_digests([p.digest for p in parts] + weights),
            rows=sum(p.rows for p in parts),
            parts=parts,
            files=files,
            inputs=origin.inputs,
            input_keys=origin.input_keys,
            config=origin.config,
            versions=origin.versions,
            stats=stats,
            created=now.isoformat(timespec="seconds"),
            seconds=round((now - self._started).total_seconds(), 2),
        )
        self._folder.create(MANIFEST, manifest.model_dump_json(indent=1).encode())
        shutil.rmtree(self.scratch(), ignore_errors=True)
        stored = self._folder.read(MANIFEST)
        return Manifest.model_validate_json(stored or b"")

    def _hash_file(self, name: str) -> tuple[int, str]:
        sha, size = hashlib.sha256(), 0
        with self._folder.filesystem.open(self._folder.path(name), "rb") as file:
            while block := file.read(1 << 22):
                sha.update(block)
                size += len(block)
        return size, sha.hexdigest()


class Store:
    """All versions under one root URL."""

    def __init__(self, root: str | None = None) -> None:
        self.folder = Folder(root or os.environ.get("MLPO_ROOT") or DEFAULT_ROOT)

    @property
    def root(self) -> str:
        """The root's URL."""
        return self.folder.url

    def find(self, asset: str, key: str) -> VersionRef | None:
        """The version of this key, or None: costs one small read."""
        folder = self.folder.join(asset, key)
        raw = folder.read(MANIFEST)
        if raw is None:
            return None
        manifest = Manifest.model_validate_json(raw)
        return VersionRef(asset=asset, url=folder.url, key=key, digest=manifest.digest)

    def writer(self, asset: str, key: str) -> Writer:
        """Start or resume writing a version."""
        return Writer(self.folder.join(asset, key), asset, key)

    def point(self, partition: str, ref: VersionRef) -> None:
        """Record that an experiment uses a version; `prune` keeps what is pointed to."""
        self.folder.join("experiments", partition).replace(f"{ref.asset}.json", ref.model_dump_json(indent=1).encode())

    def unpoint(self, partition: str, asset: str) -> None:
        """Record that an asset is not part of an experiment."""
        self.folder.join("experiments", partition).remove(f"{asset}.json")

    def pointed(self, partition: str, asset: str) -> VersionRef | None:
        """The version that an experiment last used."""
        raw = self.folder.join("experiments", partition).read(f"{asset}.json")
        return VersionRef.model_validate_json(raw) if raw else None


def _scratch_base() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlpo"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

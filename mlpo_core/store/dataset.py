"""A lazy handle on a version: rows are streamed, and what is read is verified."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlpo_core.errors import BadInput
from mlpo_core.store.digest import file_sha256
from mlpo_core.store.disk import TEMPORARY
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import MANIFEST, FileInfo, Manifest, VersionRef, inspect
from mlpo_core.store.parquet import Unreadable, decoding, difference, opened
from mlpo_core.store.quarantine import set_aside
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import cache

if TYPE_CHECKING:
    import datasets
    import pandas as pd


class Dataset:
    """A lazy handle on a version: nothing is read until asked for."""

    def __init__(self, ref: VersionRef, *, sets_aside: bool = True) -> None:
        """
        Args:
            ref: The version.
            sets_aside: Whether it is moved to the quarantine when it turns out damaged; False changes nothing.
        """
        self.ref = ref
        self._sets_aside = sets_aside
        self._folder = Folder(ref.url)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, held against what is stored.

        Raises:
            BadInput: The version is gone, or damaged; then it is set aside.
        """
        manifest, damage = inspect(self._folder)
        if damage:
            raise self._refuse(damage)
        if manifest is None:
            raise BadInput(f"{self.ref.url}: this version is not there (deleted?). Materialize {self.ref.asset} again.")
        return manifest

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
        """Record batches in row order, part by part: memory grows with a part, not with the dataset.

        Args:
            columns: Only these.
            batch_size: Rows of a batch at most.
            parts: Names of the parts to read; None reads all.

        Raises:
            BadInput: A part is damaged, or lacks a column.
        """
        for part in self.manifest.parts:
            if parts is not None and part.name not in parts:
                continue
            # Whole, because Parquet's own checksums leave out what says how a page is to be read.
            data = pa.py_buffer(self._read(part.name, part.name, part.sha256))
            with self._decoding(part.name), decoding():
                parquet = opened(data, part.rows)
                if differs := difference(parquet.schema_arrow, self.schema, columns):
                    raise BadInput(f"{self._folder.path(part.name)} {differs}. Materialize {self.ref.asset} again")
                for batch in parquet.iter_batches(batch_size, columns=list(columns) if columns else None):
                    batch.validate(full=True)  # text that is no UTF-8 is found here, and not by whoever needs it
                    yield batch

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Everything at once; for datasets known to be small."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(c) for c in columns])
        batches = list(self.batches(columns))
        with self._decoding("a part"), decoding():
            return pa.Table.from_batches([b.cast(schema) for b in batches], schema=schema)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows as an Arrow table, or only these columns of them."""
        return self.table(columns)

    def to_pandas(self, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """All rows as a pandas frame, or only these columns of them."""
        return self.table(columns).to_pandas()

    def to_hf(self, columns: Sequence[str] | None = None) -> "datasets.Dataset":
        """All rows as a `datasets.Dataset`, or only these columns of them."""
        from datasets import Dataset as HuggingFaceDataset
        from datasets.table import InMemoryTable

        return HuggingFaceDataset(InMemoryTable(self.table(columns)))

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows as dictionaries, streamed."""
        for batch in self.batches(columns, batch_size=4096):
            yield from batch.to_pylist()

    def read_file(self, name: str) -> bytes:
        """A file beside the parts, such as a plot; verified."""
        info = self.manifest.files.get(name)
        if info is None:
            raise BadInput(f"{self._folder.path(name)}: not there")
        return self._read(name, self.manifest.stored_name(name), info.sha256)

    def read_part(self, name: str) -> bytes:
        """A part as it is stored, in Parquet; verified.

        Raises:
            BadInput: There is no such part, or it is damaged.
        """
        part = next((p for p in self.manifest.parts if p.name == name), None)
        if part is None:
            raise BadInput(f"{self._folder.path(name)}: not there")
        return self._read(name, name, part.sha256)

    def local_folder(self, name: str) -> Path:
        """A local path of a folder in this version (a checkpoint): verified, and downloaded once if it is remote.

        Raises:
            BadInput: There is no such folder, it is damaged, or it holds files that the manifest does not list.
        """
        files = {f.removeprefix(f"{name}/"): i for f, i in self.manifest.files.items() if f.startswith(f"{name}/")}
        if not files:
            raise BadInput(f"{self.ref.url}: {MANIFEST} has no folder {name!r}. Materialize {self.ref.asset} again")
        stored = self.manifest.stored_name(name)
        if self._folder.is_local:
            folder = Path(self._folder.path(stored))
            self._verify(folder, name, files)
            if added := _unlisted(folder, files):
                raise BadInput(
                    f"{folder / added} is not in {MANIFEST} and would be loaded with this model. Nothing of ours "
                    "writes there: find out who did, and delete it"
                )
            return folder
        target = cache() / "checkpoints" / self.ref.asset / self.manifest.digest / name
        if target.exists() and not _is_whole(target, files):
            shutil.rmtree(target)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as holder:
                beside = Path(holder) / "whole"
                for file in files:
                    (beside / file).parent.mkdir(parents=True, exist_ok=True)
                    with self._present(f"{name}/{file}"):
                        self._folder.download(f"{stored}/{file}", beside / file)
                self._verify(beside, name, files)
                try:
                    os.rename(beside, target)
                except OSError:
                    # Another process that needed it was faster.
                    if not target.exists():
                        raise
        return target

    @contextmanager
    def _decoding(self, name: str) -> Generator[None]:
        """Spans the reading of a part: where it cannot be read, this version is set aside."""
        try:
            yield
        except Unreadable as error:
            raise self._refuse(f"{name}: {error}") from error

    def _read(self, name: str, stored: str, sha256: str) -> bytes:
        data = self._folder.read(stored)
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            raise self._refuse(f"{name} is not what {MANIFEST} says")
        return data

    def _verify(self, folder: Path, name: str, files: dict[str, FileInfo]) -> None:
        for file, info in files.items():
            with self._present(f"{name}/{file}"):
                if file_sha256(folder / file) != info.sha256:
                    raise self._refuse(f"{name}/{file} is not what {MANIFEST} says")

    @contextmanager
    def _present(self, name: str) -> Generator[None]:
        """Spans the reading of one file: where it is gone, this version is set aside."""
        try:
            yield
        except FileNotFoundError as error:
            raise self._refuse(f"{name}: {error}") from error

    def _refuse(self, damage: str) -> BadInput:
        """Set this version aside where that is allowed, and say what to do."""
        if not self._sets_aside:
            return BadInput(f"{self.ref.url} is damaged: {damage}. Materialize {self.ref.asset} again")
        where = set_aside(self._folder, damage)
        return BadInput(
            f"{self.ref.url} is damaged: {damage}. It was moved to {where}: materialize {self.ref.asset} again"
        )


def _is_whole(folder: Path, files: dict[str, FileInfo]) -> bool:
    """Whether a downloaded folder is still what was downloaded: anything on this machine may have changed it."""
    whole = all((folder / f).is_file() and file_sha256(folder / f) == info.sha256 for f, info in files.items())
    return whole and not _unlisted(folder, files)


def _unlisted(folder: Path, files: dict[str, FileInfo]) -> str | None:
    """A file below a folder that the manifest does not list; halves of interrupted writes are never loaded."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in files and not path.name.startswith(TEMPORARY):
            return name
    return None

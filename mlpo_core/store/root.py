"""All versions under one root, and which of them an experiment uses.

A version is `<root>/<asset>/<key>/` with `part-*.parquet`, perhaps other files, and `manifest.json`, written last:
without a manifest it is not there.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.store.files import Folder
from mlpo_core.store.manifest import VersionRef, inspect
from mlpo_core.store.marker import claim
from mlpo_core.store.names import POINTERS, checked_key, decoded, encoded, inside
from mlpo_core.store.quarantine import set_aside
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.writer import Writer

DEFAULT_ROOT = "./.mlpo"
ACCEPTED = "accepted"
"""Folder of the root: by asset and key, the older version that a person let stand for it."""


class Acceptance(BaseModel):
    """Why a version that other code made may stand for one that today's code would make."""

    key: str
    """Of the version that stands for it."""
    why: str
    made_by: str
    """Version and fingerprint of the code then."""
    code: str
    """The same now."""
    when: str


class Pointer(BaseModel):
    """Which version of an asset an experiment uses; under which root is for the reader to say."""

    asset: str
    key: str
    digest: str


class Use(NamedTuple):
    """That an experiment uses a version of an asset."""

    partition: str
    asset: str
    """Empty where it may be any: the experiment's folder cannot be looked into."""
    ref: VersionRef | None
    problem: str = ""
    """Why it is not known which version."""


class Store:
    """All versions under one root URL."""

    def __init__(self, root: str | None = None) -> None:
        self.folder = Folder(root or os.environ.get("MLPO_ROOT") or DEFAULT_ROOT)
        self._claimed = False

    @property
    def root(self) -> str:
        """The root's URL."""
        return self.folder.url

    def own(self, *parts: str) -> Folder:
        """A folder below the root to write in, or to delete from.

        Raises:
            BadInput: The root is a folder of something else (`mlpo_core.store.marker`).
        """
        if not self._claimed:
            claim(self.folder)
            self._claimed = True
        return self.folder.join(*parts)

    def find(self, asset: str, key: str) -> VersionRef | None:
        """The version of this key, or the one that was accepted for it; None where there is none or a damaged one.

        A small read and a listing.
        """
        if ref := self._made(asset, key):
            return ref
        raw = self.folder.join(ACCEPTED, asset).read(f"{key}.json")
        if raw is None:
            return None
        try:
            accepted = Acceptance.model_validate_json(raw)
            ref = self._made(asset, checked_key(accepted.key))
        except (ValidationError, BadInput) as error:
            path = self.folder.join(ACCEPTED, asset).path(f"{key}.json")
            raise BadInput(f"{path}: not the record of an accepted version. Delete it, and accept it again") from error
        if ref is None:
            log(f"{asset}: version {accepted.key}, accepted for {key} ({accepted.why}), is gone: making it again")
        return ref

    def _made(self, asset: str, key: str) -> VersionRef | None:
        folder = self.folder.join(asset, key)
        manifest = inspect(folder).manifest
        return VersionRef(asset=asset, url=folder.url, key=key, digest=manifest.digest) if manifest else None

    def accept(self, asset: str, key: str, acceptance: Acceptance) -> None:
        """Let a version that was made by other code stand for the one of this key."""
        record = acceptance.model_dump_json(indent=1).encode()
        self.own(ACCEPTED, asset).replace(f"{key}.json", record)

    def set_damaged_aside(self, asset: str, key: str) -> None:
        """Free a key whose version `find` does not give because it is damaged."""
        folder = self.folder.join(asset, key)
        if damage := inspect(folder).damage:
            set_aside(folder, damage)

    def writer(self, asset: str, key: str) -> Writer:
        """Start or resume writing a version."""
        return Writer(self.own(asset, key), asset, key)

    def point(self, partition: str, ref: VersionRef) -> None:
        """Record that an experiment uses a version; `prune` keeps what is pointed to."""
        pointer = Pointer(asset=ref.asset, key=checked_key(ref.key), digest=ref.digest)
        name = f"{ref.asset}.json"
        self.own(POINTERS, encoded(partition)).replace(name, pointer.model_dump_json(indent=1).encode())
        if (old := self._nested(partition)) and old.read(name) is not None:
            old.remove(name)

    def unpoint(self, partition: str, asset: str) -> None:
        """Record that an asset is not part of an experiment."""
        for folder in (self.folder.join(POINTERS, encoded(partition)), self._nested(partition)):
            if folder:
                folder.remove(f"{asset}.json")

    def pointed(self, partition: str, asset: str) -> VersionRef | None:
        """The version that an experiment last used, under this root.

        Raises:
            BadInput: The pointer cannot be read.
        """
        raw = self.folder.join(POINTERS, encoded(partition)).read(f"{asset}.json")
        if raw is None and (old := self._nested(partition)):
            raw = old.read(f"{asset}.json")
        return self._resolved(raw, f"{partition}/{asset}.json") if raw else None

    def pointers(self) -> Iterator[Use]:
        """What every experiment uses; also what older code kept in nested folders, and what cannot be read."""
        folder = self.folder.join(POINTERS)
        for name in folder.names():
            where, _, file = name.rpartition("/")
            asset = file.removesuffix(".json")
            if where and asset in SCHEMAS and asset != file:
                yield from self._use(where if "/" in where else decoded(where), asset, name)
        for name in folder.links():
            yield Use(decoded(name), "", None, f"{folder.path(name)} is a link, and links are not followed")

    def _use(self, partition: str, asset: str, name: str) -> Iterator[Use]:
        try:
            if (raw := self.folder.join(POINTERS).read(name)) is not None:
                yield Use(partition, asset, self._resolved(raw, name))
        except BadInput as error:
            yield Use(partition, asset, None, str(error))

    def _nested(self, partition: str) -> Folder | None:
        """Where older code kept the pointers of an experiment whose name is not plain."""
        plain = encoded(partition) == partition
        return None if plain or not inside(partition) else self.folder.join(POINTERS, *partition.split("/"))

    def _resolved(self, raw: bytes, name: str) -> VersionRef:
        try:
            pointer = Pointer.model_validate_json(raw)
            checked_key(pointer.key)
        except (ValidationError, BadInput) as error:
            path = self.folder.join(POINTERS).path(name)
            raise BadInput(f"{path}: not a pointer to a version. Delete it, and run its experiment again") from error
        if pointer.asset not in SCHEMAS:
            raise BadInput(f"{self.folder.join(POINTERS).path(name)}: there is no asset {pointer.asset!r}. Delete it")
        url = self.folder.join(pointer.asset, pointer.key).url
        return VersionRef(asset=pointer.asset, url=url, key=pointer.key, digest=pointer.digest)

"""Immutable, content-keyed dataset and checkpoint versions.

A version is `<root>/<asset>/<key>/` with `part-*.parquet`, perhaps other files, and `manifest.json`, written last:
without a manifest it is not there.
"""

import os

from mlpo_core.dataset import Dataset
from mlpo_core.files import Folder
from mlpo_core.manifest import MANIFEST, Manifest, Origin, VersionRef, inspect
from mlpo_core.quarantine import set_aside
from mlpo_core.writer import Writer

DEFAULT_ROOT = "./.mlpo"


class Store:
    """All versions under one root URL."""

    def __init__(self, root: str | None = None) -> None:
        self.folder = Folder(root or os.environ.get("MLPO_ROOT") or DEFAULT_ROOT)

    @property
    def root(self) -> str:
        """The root's URL."""
        return self.folder.url

    def find(self, asset: str, key: str) -> VersionRef | None:
        """The version of this key, or None where there is none or a damaged one: a small read and a listing."""
        folder = self.folder.join(asset, key)
        manifest = inspect(folder).manifest
        return VersionRef(asset=asset, url=folder.url, key=key, digest=manifest.digest) if manifest else None

    def set_damaged_aside(self, asset: str, key: str) -> None:
        """Free a key whose version `find` does not give because it is damaged."""
        folder = self.folder.join(asset, key)
        if damage := inspect(folder).damage:
            set_aside(folder, damage)

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


__all__ = ["MANIFEST", "Dataset", "Manifest", "Origin", "Store", "VersionRef", "Writer"]

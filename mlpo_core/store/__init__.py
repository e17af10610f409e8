"""Immutable, content-keyed dataset and checkpoint versions on local disk or S3."""

from mlpo_core.store.dataset import Dataset
from mlpo_core.store.manifest import MANIFEST, Manifest, Origin, VersionRef
from mlpo_core.store.root import Store
from mlpo_core.store.writer import Writer

__all__ = ["MANIFEST", "Dataset", "Manifest", "Origin", "Store", "VersionRef", "Writer"]

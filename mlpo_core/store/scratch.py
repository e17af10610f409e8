"""Where unfinished work and downloads stand on this machine."""

import os
from pathlib import Path

from mlpo_core.store.files import Folder

PARTIAL = ".partial"
"""How the name of a version's scratch folder ends."""


def cache() -> Path:
    """This machine's folder for what belongs to a remote root: `$XDG_CACHE_HOME/mlpo`."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlpo"


def scratch_folder(version: Folder, asset: str, key: str) -> Path:
    """The local scratch folder of a version: beside it, or in the cache where the root is remote."""
    base = Path(version.path()).parent if version.is_local else cache() / "partial" / asset
    return base / f"{key}{PARTIAL}"

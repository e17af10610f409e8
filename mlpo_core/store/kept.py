"""Training checkpoints beside a remote version, for another machine to go on from: each written once.

A checkpoint stands under its name and the digest of its content, so that machines which train the same version never
write into, mix or delete one another's. Whoever makes the version exist clears all of them.
"""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.store.digest import content_of, folder_sha256
from mlpo_core.store.files import Folder
from mlpo_core.store.names import folder_named, inside, without_content


class Kept:
    """The checkpoints that a remote version's scratch folder is copied to."""

    def __init__(self, folder: Folder, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._mine: dict[Path, str] = {}
        """Local checkpoints that this process has stored or fetched, and where they are."""

    def keep(self, local: Path) -> None:
        """Store a finished checkpoint below the scratch folder, and delete those of this process that are gone here."""
        stored = folder_named(self._name(local), content_of(hashes := folder_sha256(local)))
        there = self._folder.join(stored).stored()
        for file in hashes:
            if file not in there or there[file].bytes != (local / file).stat().st_size:
                self._folder.upload(f"{stored}/{file}", local / file)
        self._mine[local] = stored
        for gone in [path for path in self._mine if not path.exists()]:
            self._folder.remove(self._mine.pop(gone))

    def restore(self, local: Path) -> None:
        """Fetch what was kept below a folder of the scratch folder, is whole, and is not on this machine.

        Raises:
            BadInput: A name leads out of the folder.
        """
        kept = self._folder.join(self._name(local))
        files: dict[str, list[str]] = {}
        for name in kept.names():
            if not inside(name):
                raise BadInput(f"{kept.path(name)}: the name leads out of this folder: delete it, then run again")
            child, _, file = name.partition("/")
            files.setdefault(child, []).append(file)
        for child, wanted in files.items():
            name = without_content(child)
            if name and not (local / name).exists() and self._fetch(kept.join(child), wanted, local / name):
                self._mine[local / name] = f"{self._name(local)}/{child}"

    def clear(self) -> None:
        """Delete the checkpoints of every machine."""
        self._folder.remove()

    def _name(self, local: Path) -> str:
        return local.relative_to(self._scratch).as_posix()

    def _fetch(self, stored: Folder, files: list[str], target: Path) -> bool:
        """Whether all of a checkpoint is now at `target`: what its name says, or it is left where it is."""
        with tempfile.TemporaryDirectory(prefix=".restored-", dir=self._scratch) as holder:
            beside = Path(holder) / target.name
            for file in files:
                (beside / file).parent.mkdir(parents=True, exist_ok=True)
                stored.download(file, beside / file)
            if folder_named(target.name, content_of(folder_sha256(beside))) != stored.path().rpartition("/")[2]:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # of machines with a common disk another was first
                shutil.move(beside, target)
        return True

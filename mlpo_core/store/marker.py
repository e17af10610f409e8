"""The mark of a root: only a folder that carries it is written to and cleared.

A root from before there were marks is told by what it holds: a folder with the key of a version below an asset's name,
or the pointer of an experiment. Nothing else in a folder makes it a root.
"""

from mlpo_core.errors import BadInput
from mlpo_core.store.files import Folder
from mlpo_core.store.names import MARKER, POINTERS, VERSION
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.scratch import PARTIAL

_MARK = b"Versions of data and models, made by mlpo. `mlpo prune` deletes those that nothing here uses.\n"
_OF_A_DISK = {"lost+found"}


def claim(root: Folder) -> None:
    """Mark a folder as a root, before anything is written to or deleted from it; one that is marked stays as it is.

    Raises:
        BadInput: It holds something, and nothing that a root holds.
    """
    if root.read(MARKER) is not None:
        return
    others = [name for name in root.entries() if name not in _OF_A_DISK]
    # Whoever marks it at this moment has written something there too.
    if others and not _holds_what_a_root_holds(root) and root.read(MARKER) is None:
        raise BadInput(
            f"{root.url} is not a root: it holds {others[0]!r}, and no {MARKER}. Set MLPO_ROOT or --root to a new or "
            f"an empty folder. If versions are to stand among what is there, put an empty file {MARKER} into it"
        )
    root.create(MARKER, _MARK)


def _holds_what_a_root_holds(root: Folder) -> bool:
    for asset in SCHEMAS:
        if any(VERSION.fullmatch(name.removesuffix(PARTIAL)) for name in root.join(asset).folders()):
            return True
    pointers = {f"{asset}.json" for asset in SCHEMAS}
    return any("/" in name and name.rpartition("/")[2] in pointers for name in root.join(POINTERS).names())

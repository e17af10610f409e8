"""Methods of somebody else's: what an import path or an entry point names, called with the names of the agents."""

import re
from collections.abc import Collection
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.methods.protocol import Dialogue, Method
from mlpo_core.plugins import METHODS, load

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,99}")


def made(path: str, field: str, team: tuple[str, ...], taken: Collection[str]) -> Method:
    """The method that a setting names.

    Args:
        path: Import path or entry point; it is called with `team`.
        field: The setting, for errors.
        team: Names of the agents, in the order of the team.
        taken: Names of methods that there are already.

    Raises:
        BadInput: There is none, making it fails, or it is no method, or one whose name is taken.
    """
    factory = load(path, field, METHODS)
    try:
        method: Any = factory(team)
    except Exception as error:
        problem = f"failed when called with the agents {team}: {type(error).__name__}: {error}"
        raise BadInput(f"{field}: {path}: {problem}") from error
    name = getattr(method, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput(f"{field}: {path}: its name is {name!r:.100}: letters, digits and _.:@/- only, at most 100")
    if name in taken:
        raise BadInput(f"{field}: {path}: calls itself {name}, which is another method's name")
    missing = [part for part in ("unavailable", "fit") if not callable(getattr(method, part, None))]
    dialogue = getattr(method, "dialogue", missing)
    if missing or not (dialogue is None or isinstance(dialogue, Dialogue)):
        lacks = " and ".join(missing) or "a dialogue (None, or a Dialogue)"
        raise BadInput(f"{field}: {path}: is no method, it lacks {lacks} (mlpo_core.methods.protocol.Method)")
    return method

"""Find what an experiment names: `package.module:name`, or an entry point that an installed package declares.

To load is to run code. So only experiment files may name any, as those that write them may run code anyway: not the
name of a partition, and no `--set` (`mlpo_core.chain.experiments`).
"""

import re
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput

CHECKERS = "mlpo.checkers"
FILTERS = "mlpo.filters"
METHODS = "mlpo.methods"
ORDERS = "mlpo.orders"
REWARDS = "mlpo.rewards"
_PART = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_PATH = re.compile(rf"({_PART}):({_PART})")


class Place(NamedTuple):
    """Where an object is: its module, and the attributes that lead to it, dots between."""

    module: str
    name: str


def load(path: str, field: str, group: str = "") -> Callable[..., Any]:
    """What a setting names, imported.

    Args:
        path: `package.module:name` (`name` may have dots), or the name of an entry point.
        field: The setting, for errors: `mlpo.reward.1`.
        group: Entry points in which a name without a colon is looked up; without one there are none.

    Raises:
        BadInput: No such package, module, name or entry point; the module fails; or what it names cannot be called.
    """
    module, name = place(path, field, group)
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(f"{field}: {path}: {_why(error, module)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            where = getattr(found, "__name__", module)
            raise BadInput(f"{field}: {path}: {where} has no {part!r}. {_there(found)}")
        found = getattr(found, part)
    if not callable(found):
        raise BadInput(f"{field}: {path}: is a {type(found).__name__}, which cannot be called")
    return found


def is_plug_in(name: str, group: str) -> bool:
    """Whether a name has the form of an import path, or is an entry point's. Runs nothing."""
    return bool(_PATH.fullmatch(name) or (":" not in name and entry_points(group=group, name=name)))


def place(path: str, field: str, group: str = "") -> Place:
    """Where what a setting names is, without running any of it. Raises and takes what `load` does."""
    if found := _PATH.fullmatch(path):
        return Place(found[1], found[2])
    if ":" in path or not group:
        raise BadInput(f"{field}: {path!r:.100} is no import path: package.module:name")
    values = {point.value for point in entry_points(group=group, name=path)}
    if len(values) > 1:
        raise BadInput(f"{field}: {path}: several installed packages call theirs so: {', '.join(sorted(values))}")
    for value in values:
        if found := _PATH.fullmatch(value.partition("[")[0].strip()):
            return Place(found[1], found[2])
        raise BadInput(f"{field}: {path}: its entry point is {value!r:.100}, which is no package.module:name")
    known = ", ".join(sorted(point.name for point in entry_points(group=group))) or "none"
    raise BadInput(
        f"{field}: {path!r:.100} is unknown here, and no installed package has an entry point of this name in {group} "
        f"(there: {known}). Code of your own is named package.module:name"
    )


def _why(error: BaseException, module: str) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and (module == missing or module.startswith(f"{missing}.")):
        return f"there is no module {missing}. Install its package here, or put its folder on PYTHONPATH"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"importing {module} failed: {type(error).__name__}: {error}{where}"


def _there(found: Any) -> str:
    names = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
    return f"It has: {', '.join(names[:20])}" if names else "It has no public names"

"""What code of others a setting names, as a fingerprint for keys: another reward of the same name makes new versions.

Covers the modules of its package that the named one reaches by import, read as syntax and not run. What other packages
hold is covered by nothing: pin them.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.plugins.loading import place
from mlpo_core.plugins.syntax import Said, read


def fingerprint(path: str, field: str, group: str = "") -> str:
    """A hash of the source behind what a setting names: 12 hexadecimal digits. Takes what `load` does.

    Raises:
        BadInput: There is no such module, or it is not written in Python.
    """
    module, name = place(path, field, group)
    top = module.partition(".")[0]
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        one = waiting.pop()
        if one in found or (source := _source(one)) is None:
            continue
        try:
            found[one], reached = _read(source, one)
        except (SyntaxError, ValueError, OSError) as error:
            raise BadInput(f"{field}: {path}: {source} cannot be read as Python: {error}") from error
        waiting += [other for other in reached if other.partition(".")[0] == top]
        waiting += [one.rsplit(".", depth)[0] for depth in range(1, one.count(".") + 1)]  # packages run first
    if module not in found:
        raise BadInput(
            f"{field}: {path}: there is no module {module} that is written in Python. Install its package here, or put "
            "its folder on PYTHONPATH"
        )
    text = "\n".join([name, *(f"{one} {found[one]}" for one in sorted(found))])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _read(source: Path, module: str) -> Said:
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    return read(source.read_bytes(), package)


def _source(module: str) -> Path | None:
    """The file of a module, without importing it; None for what is none (a class, a function, a compiled one)."""
    top, *parts = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not parts:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        stem = Path(folder).joinpath(*parts)
        for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if file.is_file():
                return file
    return None

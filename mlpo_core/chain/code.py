"""What code a stage runs, as a fingerprint in its key: a changed prompt or reward makes new versions by itself.

The fingerprint covers the modules of `mlpo_core` that a stage's function reaches by import, read as syntax: comments,
docstrings, names of files and line numbers cost nothing. Carriers are left out.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import mlpo_core
from mlpo_core.chain.known_syntax import remember, said
from mlpo_core.plugins.syntax import Said

PACKAGE = mlpo_core.__name__

CARRIERS = frozenset(
    f"{PACKAGE}.{name}"
    for name in ("chain", "charts", "context", "errors", "launching", "messages", "plugins", "progress", "store")
)
"""Carry rows, draw them, and say how far they are, but make none: a change here that would give other rows raises
`Stage.code_version` by hand."""

STARTED = {
    f"{PACKAGE}.engines.vllm": (f"{PACKAGE}.engines.vllm_drawing", f"{PACKAGE}.engines.vllm_device_drawing"),
    f"{PACKAGE}.grading.process": (f"{PACKAGE}.grading.worker",),
    f"{PACKAGE}.models.base": (f"{PACKAGE}.models.laboratory.pretrain",),
}
"""Modules that a module has other processes run, or imports by name where it needs them."""

SETTINGS = f"{PACKAGE}.experiment"
"""Left out too: what its code makes of a file, the settings themselves, is in the key by value."""


def fingerprint(*modules: str) -> str:
    """A hash of what these modules and all that they import in `mlpo_core` do: 12 hexadecimal digits."""
    text = "\n".join(f"{module} {_digest(module)}" for module in sorted(reached(*modules)))
    remember()
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def reached(*modules: str) -> set[str]:
    """These modules and those that they reach by import, packages' faces included, carriers left out."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or _is_left_out(module):
            continue
        found.add(module)
        waiting += [*_imported(module), *_faces(module), *STARTED.get(module, ())]
    return found


def _is_left_out(module: str) -> bool:
    return any(module == left or module.startswith(f"{left}.") for left in (*CARRIERS, SETTINGS))


def _faces(module: str) -> Iterator[str]:
    """The packages that hold a module: Python runs them before it."""
    parts = module.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))


@cache
def _imported(module: str) -> frozenset[str]:
    own = (name for name in _said(module).imports if name.split(".")[0] == PACKAGE)
    return frozenset(name for name in own if _path(name))


@cache
def _digest(module: str) -> str:
    """Of a module's syntax, and of the templates that it renders.

    Those of a package belong to it as a whole; those of prompts (`.jinja`) to the module that names them.
    """
    digest = hashlib.sha256(_said(module).digest.encode())
    place = _place(module)
    folder = place if place.is_dir() else place.parent
    templates = sorted(folder.glob("templates/*"))
    named = _constants(module) if templates else set[Any]()
    for template in templates:
        if template.name in named if template.suffix == ".jinja" else place.is_dir():
            digest.update(template.name.encode() + template.read_bytes())
    return digest.hexdigest()


def _said(module: str) -> Said:
    return said(_source(module), module)


def _constants(module: str) -> set[Any]:
    return {node.value for node in ast.walk(ast.parse(_source(module))) if isinstance(node, ast.Constant)}


def _source(module: str) -> bytes:
    path = _path(module)
    assert path is not None, f"{module} is no module"  # noqa: S101 - narrows a type
    return path.read_bytes()


@cache
def _path(module: str) -> Path | None:
    """The source of a module of this package, without importing it; None for what is none (a class, a function)."""
    place = _place(module)
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def _place(module: str) -> Path:
    """Where a module stands, without an ending: the folder of a package."""
    return Path(str(mlpo_core.__file__)).parent.joinpath(*module.split(".")[1:])

"""Python source as text that says what it does: without comments, docstrings, names of files and line numbers."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Said(NamedTuple):
    """What one module says."""

    digest: str
    """Of its syntax, without comments and docstrings."""

    imports: tuple[str, ...]
    """Every dotted name that it imports."""


def read(source: bytes, package: str) -> Said:
    """What the source of a module says.

    Args:
        source: Its file.
        package: That it is in, which relative imports start from; the module itself where it is one.

    Raises:
        SyntaxError: It is no Python.
        ValueError: It holds a zero byte.
    """
    tree = ast.parse(source)
    return Said(hashlib.sha256(as_text(tree).encode()).hexdigest(), tuple(sorted(imported(tree, package))))


def as_text(tree: ast.AST) -> str:
    """Syntax as text that is the same under every version of Python: node types and values, docstrings left out."""
    text: list[str] = []
    _put(tree, text)
    return "".join(text)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node, those inside functions too; expressions, which hold no import, are passed over."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, name, ()):
            yield child
            yield from statements(child)


def imported(tree: ast.Module, package: str) -> set[str]:
    """Every dotted name that a module imports, and that may be a module.

    Args:
        tree: Of the module.
        package: That the module is in, which relative imports start from; the module itself where it is one.
    """
    names: set[str] = set()
    for node in statements(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def _put(node: Any, text: list[str]) -> None:
    if isinstance(node, ast.AST):
        text.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(value, list):
                value = _without_docstrings(value)
            if value not in (None, [], "") or isinstance(value, int):
                text.append(f" {name}=")
                _put(value, text)
        text.append(")")
    elif isinstance(node, list):
        for item in node:
            _put(item, text)
    else:
        text.append(repr(node))


def _without_docstrings(body: Iterable[Any]) -> list[Any]:
    """Statements without those that are nothing but a text: docstrings of modules, functions, classes and fields."""
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]

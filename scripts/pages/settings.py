"""The page of settings: every field of an experiment with type, default and docstring, read as syntax."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import mlpo_core
from scripts.pages.markdown import prose, table

_FOLDER = Path(str(mlpo_core.__file__)).parent / "experiment"
_ROOT = "Experiment"


class Setting(NamedTuple):
    """One field of a section, as its source writes it."""

    name: str
    kind: str
    default: str
    doc: str


def page() -> str:
    """All settings, section by section."""
    classes = _classes()
    out = [
        "# Settings",
        "An experiment is one YAML file with these keys; an unknown key is an error. `--set a.b=c` overrides one, "
        "`--set a.0.b=c` one of an item of a list.",
    ]
    for path, name in _sections(_ROOT, "", classes):
        rows = [[f"`{path}{s.name}`", f"`{s.kind}`", s.default, s.doc] for s in _settings(name, classes)]
        out += [
            f"## {path.rstrip('.') or 'The experiment'}",
            prose(ast.get_docstring(classes[name]) or ""),
            table(["setting", "type", "default", "what it does"], rows),
        ]
    return "\n\n".join(out)


def _classes() -> dict[str, ast.ClassDef]:
    trees = [ast.parse(file.read_bytes()) for file in sorted(_FOLDER.glob("*.py"))]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def _sections(name: str, path: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[tuple[str, str]]:
    """A class and those that its fields hold, with the path in front of their fields: `team.agents[].`."""
    yield path, name
    for setting in _settings(name, classes):
        words = {node.id for node in ast.walk(ast.parse(setting.kind)) if isinstance(node, ast.Name)}
        for inner in sorted(words & set(classes)):
            items = "[]" if setting.kind.startswith("tuple") else ""
            yield from _sections(inner, f"{path}{setting.name}{items}.", classes)


def _settings(name: str, classes: Mapping[str, ast.ClassDef]) -> list[Setting]:
    """The fields of a class and of the sections that it extends; its own come last and win."""
    node = classes[name]
    found: dict[str, Setting] = {}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            found |= {setting.name: setting for setting in _settings(base.id, classes)}
    for at, field in enumerate(node.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            after = node.body[at + 1] if at + 1 < len(node.body) else None
            doc = _docstring(after) or (found[field.target.id].doc if field.target.id in found else "")
            setting = Setting(field.target.id, _kind(field.annotation), _default(field.value), doc)
            found[setting.name] = setting
    return list(found.values())


def _kind(annotation: ast.expr) -> str:
    """The type as the source has it, without the mark of settings that came later."""
    inner = annotation.slice if isinstance(annotation, ast.Subscript) else None
    if isinstance(inner, ast.Tuple) and ast.unparse(inner.elts[-1]) == "IF_SET":
        return ast.unparse(inner.elts[0])
    return ast.unparse(annotation)


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return prose(str(node.value.value))
    return ""


def _default(value: ast.expr | None) -> str:
    """The default as the source has it; a section's own is said by its fields."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        value = next((k.value for k in value.keywords if k.arg == "default"), None)
    if value is None:
        return "required"
    return "see below" if isinstance(value, ast.Call) else f"`{ast.unparse(value)}`"

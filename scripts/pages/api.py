"""The Python API: every public class and function of every package, with signature and docstring, read as syntax."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import mlpo_core
from scripts.pages.markdown import prose, table

INDEX = "api/index.md"
_ROOT = Path(str(mlpo_core.__file__)).parent


def pages() -> Mapping[str, str]:
    """Markdown by path in the site: the list of packages, then one page each, and one of the modules beside them."""
    packages = sorted(p.parent for p in _ROOT.glob("*/__init__.py"))
    face = _ROOT.with_name("mlpo")
    rows = [["[`mlpo`](python.md)", _first_line(face / "__init__.py")]]
    rows += [[f"[`{p.name}`]({p.name}.md)", _first_line(p / "__init__.py")] for p in packages]
    rows.append(["[`mlpo_core`](mlpo_core.md)", "Command line and vocabulary: the modules beside the packages."])
    found = {INDEX: "# Python API\n\n" + table(["package", "what it is"], rows)}
    found["api/python.md"] = _page("mlpo", sorted(face.glob("*.py")))
    for package in packages:
        found[f"api/{package.name}.md"] = _page(package.name, sorted(package.rglob("*.py")))
    found["api/mlpo_core.md"] = _page("mlpo_core", sorted(_ROOT.glob("*.py")))
    return found


def _page(title: str, files: list[Path]) -> str:
    return "\n\n".join([f"# {title}", *(part for file in files for part in _module(file))])


def _module(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_bytes())
    name = ".".join(file.relative_to(_ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    yield f"## `{name}`"
    yield prose(ast.get_docstring(tree) or "")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield from _function(node, node.name)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _class(node)


def _class(node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"### `{node.name}`"
    yield f"```python\nclass {node.name}{f'({bases})' if bases else ''}\n```"
    yield prose(ast.get_docstring(node) or "")
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
            yield from _function(inner, f"{node.name}.{inner.name}")


def _function(node: ast.FunctionDef, name: str) -> Iterator[str]:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield f"### `{name}`"
    yield f"```python\n{node.name}({ast.unparse(node.args)}){returns}\n```"
    yield prose(ast.get_docstring(node) or "")


def _first_line(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_bytes())) or "").partition("\n")[0]

"""Pieces of Markdown that the generated pages share."""

import re
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table. Line breaks and bars in cells are made safe."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def prose(docstring: str) -> str:
    """A Google-style docstring as Markdown: its sections become lists, angle brackets stay text."""
    out: list[str] = []
    listed = False
    for line in docstring.splitlines():
        if re.fullmatch(r"(Args|Attributes|Raises|Returns|Yields):", line):
            out += ["", f"**{line.removesuffix(':')}**", ""]
            listed = True
        elif listed and (item := re.fullmatch(r"    ([\w*.]+): (.*)", line)):
            out.append(f"- `{item[1]}`: {_text(item[2])}")
        else:
            listed = listed and (not line or line.startswith(" "))
            out.append(_text(line.strip() if listed else line))
    return "\n".join(out)


def _text(line: str) -> str:
    """Escapes what is no code: the pieces between backticks stay."""
    parts = line.split("`")
    return "`".join(p if i % 2 else re.sub(r"([<*_\[])", r"\\\1", p) for i, p in enumerate(parts))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

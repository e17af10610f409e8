"""The page on licences: every pinned package that is installed where the site is built."""

from scripts.licences import BORNE, stated
from scripts.pins import direct, licence, pinned


def page() -> str:
    """Markdown."""
    core, needed = pinned("demo"), direct()
    lines = ["# Licences", "", "MLPO itself is under Apache-2.0. What it is used with, as pinned:", ""]
    lines += ["| package | version | licence | |", "|---|---|---|---|"]
    for name, version in pinned().items():
        if licence(name) is not None:
            role = "the wheel asks for it" if name in needed else "core install" if name in core else "tests, extras"
            lines.append(f"| {name} | {version} | {stated(name)} | {BORNE.get(name) or role} |")
    return "\n".join([*lines, "", "`make lint` refuses a licence that would bind who uses this.", ""])

"""What the requirement files pin, and what the packages that are installed say of their licence."""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;#]+)")
_LONGEST = 80
"""Characters of a licence's name; some packages put its whole text there."""


def direct() -> dict[str, str]:
    """Version by name of what the wheel itself requires."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return _pins(project["dependencies"])


def pinned(*targets: str) -> dict[str, str]:
    """Version by name of what `requirements/<target>.txt` pins, and of what setup installs before it (torch).

    Args:
        targets: Names of requirement files; none are all.
    """
    folder = REPOSITORY / "requirements"
    files = [folder / f"{target}.txt" for target in targets] or sorted(folder.glob("*.txt"))
    found = direct()
    for file in files:
        found |= _pins(file.read_text("utf-8").splitlines())
    return dict(sorted(found.items()))


def licence(name: str) -> str | None:
    """What a package says of its licence; empty if nothing, None if it is not installed here."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [c.split(" :: ")[-1] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    said = about.get("License-Expression") or " OR ".join(classifiers) or (about.get("License") or "").strip()
    return said.splitlines()[0][:_LONGEST] if said else ""


def _pins(lines: Iterable[str]) -> dict[str, str]:
    found = (_PIN.match(line) for line in lines)
    return {_name(pin[1]): pin[2] for pin in found if pin}


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

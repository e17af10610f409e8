"""Change single settings of an experiment: `--set a.b=c`, and what the points of a sweep set."""

from collections.abc import Iterable
from typing import Any, cast

from mlpo_core.errors import BadInput
from mlpo_core.experiment.plain import DEEPEST, read_text

_OF_THE_FILE = ("prompts", "grading.judge")
"""Parts that only the experiment's own file sets: what a model reads, and who says what is right, is no one-off."""


def check_overrides(settings: Iterable[str]) -> None:
    """Refuse settings of a person or partition that belong into the experiment's file.

    Raises:
        BadInput: One does; names it.
    """
    for setting in settings:
        path = setting.partition("=")[0] + "."
        if part := next((p for p in _OF_THE_FILE if path.startswith(f"{p}.") or p.startswith(path)), None):
            raise BadInput(f"--set {setting:.80}: {part} is set in the experiment's file, or by its sweep, alone")


def override(raw: dict[str, Any], setting: str) -> None:
    """Set one value of an experiment that has been read as plain data.

    Args:
        raw: The experiment; changed in place.
        setting: `a.b=c`; `a.0.b=c` for an item of a list. The value is YAML.

    Raises:
        BadInput: It is not of this form, or leads through something that is no section.
    """
    path, separator, value = setting.partition("=")
    *parents, last = path.split(".")
    if not separator or not all((*parents, last)):
        raise BadInput(f"--set {setting}: expected SECTION.KEY=VALUE")
    if len(parents) >= DEEPEST:
        raise BadInput(f"--set {setting:.80}: nested deeper than {DEEPEST} levels")
    node: Any = raw
    for part in parents:
        if isinstance(node, list):
            node = node[_position(cast("list[Any]", node), part, setting)]
        else:
            node = cast("dict[str, Any]", node).setdefault(part, {})
        if not isinstance(node, dict | list):
            raise BadInput(f"--set {setting}: {part} is not a section")
    place: Any = _position(cast("list[Any]", node), last, setting) if isinstance(node, list) else last
    node[place] = read_text(value, f"--set {setting}")


def _position(items: list[Any], part: str, setting: str) -> int:
    """Which item of a list a part of the path means."""
    if not (part.isascii() and part.isdigit()) or len(part) > 9 or int(part) >= len(items):
        there = f"its items are 0 to {len(items) - 1}" if items else "it has no items"
        raise BadInput(f"--set {setting}: {part} is no item of this list; {there}")
    return int(part)

"""Change single settings of an experiment: `--set a.b=c`, and what the points of a sweep set."""

from typing import Any, cast

import yaml

from mlpo_core.errors import BadInput


def override(raw: dict[str, Any], setting: str) -> None:
    """Set one value of an experiment that has been read as plain data.

    Args:
        raw: The experiment; changed in place.
        setting: `a.b=c`; `a.0.b=c` for an item of a list. The value is YAML.

    Raises:
        BadInput: It is not of this form, or leads through something that is no section.
    """
    path, separator, value = setting.partition("=")
    if not separator:
        raise BadInput(f"--set {setting}: expected SECTION.KEY=VALUE")
    *parents, last = path.split(".")
    node: Any = raw
    for part in parents:
        if isinstance(node, list) and part.isdigit() and int(part) < len(cast("list[Any]", node)):
            node = node[int(part)]
        elif isinstance(node, dict):
            node = cast("dict[str, Any]", node).setdefault(part, {})
        else:
            raise BadInput(f"--set {setting}: {part} is not in this list")
        if not isinstance(node, dict | list):
            raise BadInput(f"--set {setting}: {part} is not a section")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadInput(f"--set {setting}: {value!r} is not YAML") from error
    if isinstance(node, list):
        node[int(last)] = parsed
    else:
        node[last] = parsed

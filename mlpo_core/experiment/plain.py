"""Plain data from the YAML of an experiment, with limits: a file of a few lines can otherwise cost minutes."""

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from mlpo_core.errors import BadInput

MOST_BYTES = 256 * 1024
MOST_VALUES = 20_000
"""Values in one file, those that an alias repeats counted every time."""
DEEPEST = 32
"""Lists and mappings inside one another."""
MOST_ALIASES = 1_000
LONGEST_NUMBER = 100
"""Characters of one number."""

_OF_A_TAG = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What PyYAML raises where a value is not of the kind that its tag says, as in `!!int ""` or `!!timestamp x`."""
_NUMBERS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float"))


class _Loader(yaml.SafeLoader):
    """The safe loader, which refuses what YAML would let pass: a key that stands twice, an endless number."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = f"{key.tag} {key.value}"
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise ConstructorError(None, None, f"the key {key.value!r:.80} stands twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _OF_A_TAG as error:
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"{node.value!r:.80} is no {kind}", node.start_mark) from error

    def construct_scalar(self, node: Any) -> Any:
        if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            problem = f"a number of {len(node.value)} characters; at most {LONGEST_NUMBER}"
            raise ConstructorError(None, None, problem, node.start_mark)
        return super().construct_scalar(node)


def read_file(path: Path) -> Any:
    """The plain data of a YAML file.

    Raises:
        BadInput: It is absent, no regular file, too large, or as `read_text` refuses it.
    """
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: is no file; an experiment is a YAML file")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such experiment file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise BadInput(f"{path}: is larger than {MOST_BYTES} bytes, the most that an experiment may have")
    try:
        return read_text(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not readable as YAML: {error}") from error


def read_text(text: str, where: str) -> Any:
    """The plain data of YAML. `where` names its origin in errors.

    Raises:
        BadInput: It is not YAML, has a key twice, or exceeds a limit; says which.
    """
    try:
        _measure(text, where)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise BadInput(f"{where}: not readable as YAML: {error}") from error


def _measure(text: str, where: str) -> None:
    """Refuse what is too deep or too much before it is built: aliases repeat what they name, and may nest."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    values = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, values))
            if len(open_) > DEEPEST:
                raise BadInput(f"{where}: line {_line(event)}: nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = values - before
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if any(anchor == event.anchor for anchor, _ in open_):
                raise BadInput(f"{where}: line {_line(event)}: *{event.anchor} stands inside what it repeats")
            values += sizes.get(event.anchor or "", 0)
        if isinstance(event, yaml.NodeEvent):
            values += 1
        if aliases > MOST_ALIASES or values > MOST_VALUES:
            most = f"{MOST_VALUES} values, or {MOST_ALIASES} aliases"
            raise BadInput(f"{where}: line {_line(event)}: more than {most} (those that aliases repeat counted)")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0

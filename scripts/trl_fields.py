"""Names and types of the fields of TRL's configurations, for those who have no TRL at hand.

    python -m scripts.trl_fields

writes `mlpo_core/experiment/trl_fields.json` for the installed version; a test holds one against the other.
"""

import json
from dataclasses import MISSING, Field, fields
from enum import Enum
from inspect import isclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import mlpo_core

FILE = Path(str(mlpo_core.__file__)).parent / "experiment" / "trl_fields.json"


def found() -> dict[str, dict[str, dict[str, Any]]]:
    """By configuration and field: its kinds, its values where only some are allowed, and its default."""
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.sft_config import SFTConfig

    return {config.__name__: {f.name: _described(f) for f in fields(config)} for config in (SFTConfig, GRPOConfig)}


def text() -> str:
    """What the file holds."""
    lines = (
        f'"{config}": {{\n' + ",\n".join(f'  "{name}": {json.dumps(of)}' for name, of in named.items()) + "\n}"
        for config, named in found().items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _described(field: Field[Any]) -> dict[str, Any]:
    types = _types(field.type)
    enums = [t for t in types if isclass(t) and issubclass(t, Enum)]
    default = field.default if field.default is not MISSING else None
    described = {
        "kinds": list(dict.fromkeys("str" if t in enums else _kind(t) for t in types)),
        "default": default.value if isinstance(default, Enum) else default,
    }
    return {**described, "values": sorted(v.value for e in enums for v in e)} if enums else described


def _types(annotation: Any) -> list[Any]:
    plain = get_origin(annotation) in (None, list, dict, Literal)
    return [annotation] if plain else [t for a in get_args(annotation) for t in _types(a)]


def _kind(kind: Any) -> str:
    if kind is NoneType:
        return "null"
    if get_origin(kind) is Literal:
        return type(get_args(kind)[0]).__name__
    if get_origin(kind) is list:
        return f"list[{_kind(get_args(kind)[0])}]"
    return "dict" if get_origin(kind) is dict else kind.__name__


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

"""What whoever sees the UI may change for one run: numbers, switches and choices, by section and with its default.

Text is left out, and so are the sections that say who answers, where, with which key and at what price: what stands
here leads to no code, no secret and no other host.
"""

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import Experiment

SECTIONS = ("proposals", "filter", "sft", "mlpo", "grpo", "inference", "benchmark")
_KINDS = (int, float, bool)


class Setting(NamedTuple):
    """One that may be changed."""

    kind: type
    """int, float, bool, or str where only `choices` are allowed."""
    choices: tuple[str, ...]
    optional: bool
    """Whether None is a value."""
    default: Any
    """Where neither the file nor a person says anything."""


@cache
def changeable() -> dict[str, Setting]:
    """The settings, by `seed` or `section.key`."""
    found = {"seed": _setting(Experiment.model_fields["seed"])}
    for section in SECTIONS:
        fields: dict[str, FieldInfo] = Experiment.model_fields[section].annotation.model_fields  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue] - a section's class
        found |= {f"{section}.{name}": _setting(field) for name, field in fields.items()}
    return {name: setting for name, setting in found.items() if setting}


def require_changeable(names: Iterable[str]) -> None:
    """Refuse what only an experiment's file, or a person at the command line, may set.

    Args:
        names: `section.key` each.

    Raises:
        BadInput: Names the setting that is none of `changeable`.
    """
    for name in names:
        if name not in changeable():
            raise BadInput(
                f"{name:.80}: may not be changed for one run: only numbers, switches and choices of "
                f"{', '.join(SECTIONS)}, and the seed. Write it into the experiment's file"
            )


def _setting(field: FieldInfo) -> Setting | None:
    """What a field is, if it is a number, a switch or a choice."""
    kinds = [_bare(inner) for inner in (get_args(field.annotation) if _is_union(field) else (field.annotation,))]
    optional = type(None) in kinds
    match [kind for kind in kinds if kind is not type(None)]:
        case [kind] if kind in _KINDS:
            return Setting(kind, (), optional, field.default)
        case [kind] if get_origin(kind) is Literal:
            return Setting(str, get_args(kind), optional, field.default)
        case _:
            return None


def _is_union(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind

"""What only experiment files may say: settings that lead to code being run, or data sent, whoever may change others."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from mlpo_core.errors import BadInput
from mlpo_core.experiment.overrides import override

_NAMES = frozenset({"checker", "run_code"})
_SENDS = ("push_to_hub", "trackers")


def overridden(raw: dict[str, Any], settings: Sequence[str]) -> None:
    """Change settings of an experiment that has been read as plain data.

    Raises:
        BadInput: One cannot be set, would name code to run that the file does not name, or says where to send.
    """
    allowed = set(_named(raw))
    for setting in settings:
        if (section := setting.partition("=")[0].partition(".")[0]) in _SENDS:
            raise BadInput(
                f"--set {setting:.80}: {section} says where data of this machine go, so only the experiment's file "
                "sets it, and no sweep"
            )
        override(raw, setting)
        for name, value in _named(raw):
            if (name, value) not in allowed:
                raise BadInput(
                    f"--set {setting:.80}: {name} leads to code being run, so only the experiment's file sets it"
                )


def _named(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every setting that leads to code, at any depth, sweeps included, with its value."""
    if isinstance(value, dict):
        for key, inner in cast("dict[Any, Any]", value).items():
            last = str(key).rpartition(".")[2]
            yield from _named(inner, last if last in _NAMES else name)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _named(inner, name)
    elif name and value not in (None, False, ""):
        yield name, repr(value)

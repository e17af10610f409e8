"""What the launchpad offers for one run: the settings that may be changed, with their types and defaults.

Dagster itself refuses what does not stand here, and values of another type, as they are typed.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment.changeable import SECTIONS, Setting, changeable

_ASSET = dg.Enum("Asset", [dg.EnumValue(asset) for asset in STAGES])


def schema() -> dict[str, dg.Field]:
    """The fields of a run's configuration: an experiment, its settings by section, and what is made."""
    fields = {name: _field(name, setting) for name, setting in changeable().items()}
    inside = {
        section: {name.partition(".")[2]: field for name, field in fields.items() if name.startswith(f"{section}.")}
        for section in SECTIONS
    }
    return {
        "experiment": dg.Field(str, description="Whose settings are changed: an experiment, or a point of its sweep."),
        "assets": dg.Field([_ASSET], is_required=False, description="What is made: everything, unless it is said."),
        "seed": fields["seed"],
        **{section: dg.Field(dg.Shape(keys), is_required=False) for section, keys in inside.items()},
    }


def said(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run's configuration, by `seed` or `section.key`."""
    return dict(_said(config))


def _said(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "seed" in config:
        yield "seed", config["seed"]
    for section in SECTIONS:
        for key, value in config.get(section, {}).items():
            yield f"{section}.{key}", value


def _field(name: str, setting: Setting) -> dg.Field:
    kind = _choice(name, setting.choices) if setting.choices else setting.kind
    otherwise = "that of mlpo" if name.startswith("grpo.") else _plain(setting.default)
    return dg.Field(
        dg.Noneable(kind) if setting.optional else kind,
        is_required=False,
        description=f"As in the experiment's file, unless it is said. Default: {otherwise}.",
    )


def _choice(name: str, choices: tuple[str, ...]) -> dg.Enum:
    return dg.Enum(name.replace(".", "_"), [dg.EnumValue(choice) for choice in choices])


def _plain(value: Any) -> str:
    """A default as YAML has it."""
    return json.dumps(value)

"""Find experiments by name: one YAML file each, and one more name for every point of its sweep."""

import itertools
import os
from pathlib import Path
from typing import Any

import yaml

from mlpo_core.config import Experiment, load
from mlpo_core.errors import BadInput

_SUFFIXES = (".yaml", ".yml")


def folder() -> Path:
    """Where experiment files are: `$MLPO_EXPERIMENTS`, or `experiments` in the working directory."""
    return Path(os.environ.get("MLPO_EXPERIMENTS") or "experiments")


def files() -> list[Path]:
    """Every experiment file, by name."""
    return sorted((p for p in folder().glob("*") if p.suffix in _SUFFIXES), key=lambda p: p.stem)


def names(path: Path) -> list[str]:
    """The names that one file stands for: its stem, and its sweep points. An unreadable file still has its stem."""
    try:
        sweep = load(path).sweep
    except BadInput:
        return [path.stem]
    axes = [[f"{setting}={_plain(value)}" for value in values] for setting, values in sweep.items()]
    points = ["--".join((path.stem, *point)) for point in itertools.product(*axes)] if axes else []
    return [path.stem, *points]


def find(name: str, overrides: tuple[str, ...] = ()) -> Experiment:
    """The experiment that a name stands for: `stem`, or the sweep point `stem--section.key=value--seed=1`.

    Raises:
        BadInput: No such file, or it is not a valid experiment, or its `name` is not its file's.
    """
    stem, *point = name.split("--")
    path = next((p for suffix in _SUFFIXES if (p := folder() / f"{stem}{suffix}").exists()), folder() / f"{stem}.yaml")
    experiment = load(path, (*point, *overrides))
    if experiment.name != stem:
        raise BadInput(f"{path}: name: is {experiment.name!r}, but must be {stem!r} like the file")
    return experiment.model_copy(update={"name": name, "sweep": {} if point else experiment.sweep})


def _plain(value: Any) -> str:
    """A setting's value as it stands in a name: YAML on one line, without spaces."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip().replace(" ", "")

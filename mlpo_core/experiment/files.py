"""Find experiments by name: one YAML file each, and one more name for every point of its sweep.

An axis of a sweep is a setting with its values, `seed: [1, 2]`, or a name with groups of settings,
`agents: {independent: {}, correlated: {base_models.misread_rate: 0.9}}`. A point is named after its value on every
axis: `stem--agents=correlated--seed=1`.
"""

import itertools
import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import Experiment
from mlpo_core.experiment.reading import load

_SUFFIXES = (".yaml", ".yml")


def folder() -> Path:
    """Where experiment files are: `$MLPO_EXPERIMENTS`, `experiments` in the working directory, or those installed."""
    if given := os.environ.get("MLPO_EXPERIMENTS"):
        return Path(given)
    here, installed = Path("experiments"), Path(sysconfig.get_path("data")) / "share" / "mlpo" / "experiments"
    return installed if installed.is_dir() and not here.is_dir() else here


def files() -> list[Path]:
    """Every experiment file, by name."""
    return sorted((p for p in folder().glob("*") if p.suffix in _SUFFIXES), key=lambda p: p.stem)


def names(path: Path) -> list[str]:
    """The names that one file stands for: its stem, and its sweep points. An unreadable file still has its stem."""
    try:
        return [path.stem, *points(load(path))]
    except BadInput:
        return [path.stem]


def points(experiment: Experiment) -> list[str]:
    """The names of every point of an experiment's sweep, the last axis fastest; none without a sweep."""
    values = itertools.product(*(axis_values(experiment, axis) for axis in experiment.sweep))
    choices = [dict(zip(experiment.sweep, chosen, strict=True)) for chosen in values]
    return [point(experiment, choice) for choice in choices] if experiment.sweep else []


def axis_values(experiment: Experiment, axis: str) -> list[str]:
    """The values of one axis as they stand in names; none when there is no such axis."""
    return [_plain(value) for value in experiment.sweep.get(axis, ())]


def point(experiment: Experiment, choice: Mapping[str, str]) -> str:
    """The name of one point of a sweep.

    Args:
        experiment: The experiment that sweeps.
        choice: A value by axis, as it stands in names.

    Raises:
        BadInput: An axis is left out or unknown, or has no such value.
    """
    for axis in dict.fromkeys([*experiment.sweep, *choice]):
        there = axis_values(experiment, axis)
        if choice.get(axis) not in there:
            only = ", ".join(there) or "nothing"
            raise BadInput(f"{experiment.name}: sweep.{axis}: there is no {choice.get(axis)!r}, only {only}")
    return "--".join((experiment.name, *(f"{axis}={choice[axis]}" for axis in experiment.sweep)))


def path_of(stem: str) -> Path:
    """The file of an experiment, there or not."""
    return next((p for suffix in _SUFFIXES if (p := folder() / f"{stem}{suffix}").exists()), folder() / f"{stem}.yaml")


def find(name: str, overrides: tuple[str, ...] = ()) -> Experiment:
    """The experiment that a name stands for: `stem`, or the sweep point `stem--section.key=value--seed=1`.

    Raises:
        BadInput: No such file, or it is not a valid experiment, or its `name` is not its file's.
    """
    stem, *chosen = name.split("--")
    path = path_of(stem)
    sweep = load(path).sweep if chosen else {}
    settings = [setting for part in chosen for setting in _settings(path, sweep, part)]
    experiment = load(path, (*settings, *overrides))
    if experiment.name != stem:
        raise BadInput(f"{path}: name: is {experiment.name!r}, but must be {stem!r} like the file")
    return experiment.model_copy(update={"name": name, **({"sweep": {}, "claims": None} if chosen else {})})


def _settings(path: Path, sweep: Mapping[str, Any], part: str) -> list[str]:
    """What one part of a point's name sets, as overrides."""
    axis, _, value = part.partition("=")
    groups = sweep.get(axis)
    if not isinstance(groups, dict):
        return [part]
    if value not in groups:
        raise BadInput(f"{path}: sweep.{axis}: there is no {value!r}, only {', '.join(groups)}")
    return [f"{setting}={_yaml(to)}" for setting, to in groups[value].items()]


def _plain(value: Any) -> str:
    """A setting's value as it stands in a name: YAML on one line, without spaces."""
    return _yaml(value).replace(" ", "")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip()

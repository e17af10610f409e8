"""Find experiments by name: one YAML file each, and one more name for every point of its sweep.

An axis of a sweep is a setting with its values, `seed: [1, 2]`, or a name with groups of settings,
`agents: {independent: {}, correlated: {base_models.misread_rate: 0.9}}`. A point is named after its value on every
axis: `stem--agents=correlated--seed=1`.
"""

import itertools
import os
import re
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlpo_core.errors import BadInput
from mlpo_core.experiment.config import LONGEST_NAME, Experiment
from mlpo_core.experiment.overrides import check_overrides
from mlpo_core.experiment.reading import load

_SUFFIXES = (".yaml", ".yml")
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,=\[\]+-]*")


def folder() -> Path:
    """Where experiment files are: `$MLPO_EXPERIMENTS`, `experiments` in the working directory, or those installed."""
    if given := os.environ.get("MLPO_EXPERIMENTS"):
        return Path(given)
    here, installed = Path("experiments"), Path(sysconfig.get_path("data")) / "share" / "mlpo" / "experiments"
    return installed if installed.is_dir() and not here.is_dir() else here


def files() -> list[Path]:
    """Every experiment file, by name; not what an editor keeps beside one, or what no partition may be called."""
    found = (p for p in folder().glob("*") if p.suffix in _SUFFIXES and _STEM.fullmatch(p.stem) and p.is_file())
    return sorted(found, key=lambda p: p.stem)


def names(path: Path) -> list[str]:
    """The names that one file stands for: its stem, and its sweep points. An unreadable file still has its stem."""
    try:
        return [path.stem, *points(load(path))]
    except BadInput:
        return [path.stem]


def shown(path: Path) -> list[str]:
    """The names of one file that are partitions in Dagster: without its points where it hides them."""
    try:
        experiment = load(path)
    except BadInput:
        return [path.stem]
    return [path.stem, *(points(experiment) if experiment.show_points else ())]


def retired(known: Iterable[str], stands_for: Callable[[Path], list[str]] = names) -> list[str]:
    """Those names that no experiment file stands for any more.

    A file that cannot be read now keeps its points, and a folder without any file keeps everything: neither says that
    an experiment is gone.

    Args:
        known: Names that files stood for once.
        stands_for: The names of one file: all, or those that are `shown`.
    """
    there = {path.stem: path for path in files()}
    if not there:
        return []
    now = {stem: None if _wrong(path) else stands_for(path) for stem, path in there.items()}

    def is_gone(name: str) -> bool:
        stem = name.partition("--")[0]
        return stem not in now or ((of_file := now[stem]) is not None and name not in of_file)

    return [name for name in known if is_gone(name)]


def points(experiment: Experiment) -> list[str]:
    """The names of every point of an experiment's sweep, the last axis fastest; none without a sweep."""
    values = itertools.product(*(axis_values(experiment, axis) for axis in experiment.sweep))
    return [_named(experiment, chosen) for chosen in values] if experiment.sweep else []


def axis_values(experiment: Experiment, axis: str) -> list[str]:
    """The values of one axis as they stand in names; none when there is no such axis."""
    values = experiment.sweep.get(axis, ())
    return list(values) if isinstance(values, dict) else [_plain(value) for value in values]


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
    return _named(experiment, [choice[axis] for axis in experiment.sweep])


def path_of(stem: str) -> Path:
    """The file of an experiment, there or not.

    Raises:
        BadInput: The stem is no name, but leads elsewhere.
    """
    if not _STEM.fullmatch(stem):
        raise BadInput(f"{stem!r:.100} is no experiment's name: letters, digits and _.,=[]+- only")
    return next((p for suffix in _SUFFIXES if (p := folder() / f"{stem}{suffix}").exists()), folder() / f"{stem}.yaml")


def find(name: str, overrides: tuple[str, ...] = ()) -> Experiment:
    """The experiment that a name stands for: `stem`, or a point that its own sweep declares, `stem--recipe=a--seed=1`.

    A name may come from anybody who sees the UI, so it sets nothing that the file does not offer.

    Args:
        name: Of the experiment or the point.
        overrides: `a.b=c` settings of the person who asks.

    Raises:
        BadInput: No such file or point, or it is not a valid experiment, or its `name` is not its file's, or an
            override sets what only the file may.
    """
    check_overrides(overrides)
    stem, _, rest = name.partition("--")
    path = path_of(stem)
    if not path.exists():
        raise BadInput(f"{path}: no such experiment file. {_there()}")
    settings = _settings(load(path), path, f"--{rest}") if rest else []
    experiment = load(path, (*settings, *overrides))
    if experiment.name != stem:
        raise BadInput(f"{path}: name: is {experiment.name!r}, but must be {stem!r} like the file")
    return experiment.as_point(name) if rest else experiment


def _there() -> str:
    """What experiments there are, and what is wrong with those that cannot be used."""
    listed = [path.stem + (f" ({reason})" if (reason := _wrong(path)) else "") for path in files()]
    return f"In {folder().absolute()} there are: {', '.join(listed) or 'none'}"


def _wrong(path: Path) -> str | None:
    """Why a file is no experiment, or None."""
    try:
        load(path)
    except BadInput as error:
        return " ".join(str(error).split())[:300]
    return None


def _settings(experiment: Experiment, path: Path, rest: str) -> list[str]:
    """What a point sets, as overrides.

    Args:
        experiment: The experiment that sweeps.
        path: Its file.
        rest: The point's name after the stem, `--recipe=a--seed=1`.
    """
    settings: list[str] = []
    for axis, values in experiment.sweep.items():
        there = axis_values(experiment, axis)
        chosen = [v for v in there if f"{rest}--".startswith(f"--{axis}={v}--")]
        if not chosen:
            given = rest.removeprefix(f"--{axis}=").partition("--")[0] if rest.startswith(f"--{axis}=") else None
            raise BadInput(f"{path}: sweep.{axis}: there is no {given!r}, only {', '.join(there)}")
        value = max(chosen, key=len)
        rest = rest.removeprefix(f"--{axis}={value}")
        settings += (
            [f"{setting}={_yaml(to)}" for setting, to in values[value].items()]
            if isinstance(values, dict)
            else [f"{axis}={_yaml(values[there.index(value)])}"]
        )
    if rest:
        raise BadInput(
            f"{path}: sweep: has no axis for {rest!r}; to change a setting for one run: --set SECTION.KEY=VALUE"
        )
    return settings


def _named(experiment: Experiment, values: Sequence[str]) -> str:
    parts = (f"{axis}={value}" for axis, value in zip(experiment.sweep, values, strict=True))
    name = "--".join((experiment.name, *parts))
    if "..." in name:  # Dagster takes no partition of such a name
        raise BadInput(
            f"{experiment.name}: sweep: the point {name:.80} has '...' in its name. "
            "Give its values short names: sweep: {axis: {name: {SECTION.KEY: VALUE}}}"
        )
    if len(name.encode()) > LONGEST_NAME:
        raise BadInput(
            f"{experiment.name}: sweep: the point {name:.80}… has a name of {len(name.encode())} bytes; at most "
            f"{LONGEST_NAME}. Give its values short names: sweep: {{axis: {{name: {{SECTION.KEY: VALUE}}}}}}"
        )
    return name


def _plain(value: Any) -> str:
    """A setting's value as it stands in a name: YAML on one line, without spaces."""
    return _yaml(value).replace(" ", "")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip()

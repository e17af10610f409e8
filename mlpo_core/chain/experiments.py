"""Experiments held against the chain: their methods exist, and each asset is theirs, another's, or does not apply."""

import re
from pathlib import Path

from mlpo_core.chain.plugged import plugged, require_from_file
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, files, load
from mlpo_core.experiment.changeable import require_changeable
from mlpo_core.experiment.overrides import check_overrides
from mlpo_core.methods import check_methods, selected
from mlpo_core.prompts.checking import check_prompts
from mlpo_core.store import Store, points
from mlpo_core.tasks.drawing import shapes
from mlpo_core.types import stable_id

_TRAINING = ("sft", "mlpo")
"""Groups of stages that `trained_by` takes from another experiment."""
_LONGEST_NAME = 120
_TRAINED_WHERE_NAMED = ("deferral_leader", "score_leader")
"""Leaders that an experiment trains only where it names one of their methods."""


def find(name: str, overrides: tuple[str, ...] = ()) -> Experiment:
    """The experiment that a name stands for: `stem`, or the point `stem--recipe=a--seed=1` of its sweep.

    Also a point that somebody named for one run (`mlpo_core.chain.naming`): those are recorded under `$MLPO_ROOT`.

    Raises:
        BadInput: No such file, or it is not a valid experiment, or its `name` is not its file's, or it names a method
            that there is not, or has a template that cannot be used, or options that a family of tasks has not.
    """
    try:
        experiment = files.find(name, overrides)
    except BadInput:
        point = points.find(Store(), name) if "--" in name else None
        if point is None:
            raise
        require_changeable(setting.partition("=")[0] for setting in point.settings)
        base = find(point.experiment, (*point.settings, *overrides))
        return base.as_point(name)
    if overrides:
        require_from_file(experiment, files.find(name))
    return checked(experiment, str(files.path_of(name.partition("--")[0])))


def read(name: str, overrides: tuple[str, ...] = ()) -> Experiment:
    """The experiment that a name or a YAML file means.

    With overrides it is filed under a name of its own, so that what the experiment itself uses stays pointed at.
    Raises as `find`.
    """
    check_overrides(overrides)
    is_file = Path(name).suffix in (".yaml", ".yml")
    experiment = load(name, overrides) if is_file else find(name, overrides)
    if is_file:
        if overrides:
            require_from_file(experiment, load(name))
        checked(experiment, name)
    return experiment.model_copy(update={"name": name_of(experiment.name, overrides)}) if overrides else experiment


def name_of(name: str, overrides: tuple[str, ...]) -> str:
    """Under what name an experiment with other settings is filed.

    `NAME--section.key=value`, as a sweep names its points; a hash of the settings where that is no short name.
    """
    told = "--".join((name, *sorted(setting.replace(" ", "") for setting in overrides)))
    if len(told) <= _LONGEST_NAME and re.fullmatch(r"[\w.,=+\[\]-]+", told, re.ASCII):
        return told
    return f"{name}--set={stable_id(*sorted(overrides), length=8)}"


def checked(experiment: Experiment, where: str) -> Experiment:
    """The experiment, if all methods, plug-ins and options that it names exist and its templates can be used.

    `where` names its origin in errors: its file.
    """
    check_prompts(experiment, where)
    try:
        for named in plugged(experiment):
            named.code()
        check_methods(experiment)
        shapes(experiment)
        _check_trained(experiment)
    except BadInput as error:
        raise BadInput(f"{where}: not a valid experiment:\n  {error}") from error
    return experiment


def _check_trained(experiment: Experiment) -> None:
    """Refuse methods of a leader that another experiment was to train and does not.

    Raises:
        BadInput: Names the method, and what that experiment lacks; or what `owner` raises.
    """
    if not experiment.trained_by:
        return
    for name, method in selected(experiment).items():
        leader = method.dialogue and method.dialogue.leader
        if leader in _TRAINED_WHERE_NAMED and (reason := skipped(leader, experiment)):
            raise BadInput(
                f"benchmark.methods: {name} is answered by the {leader} of {experiment.trained_by} (trained_by), which "
                f"trains none: {reason}. Name it there too, or leave it out here"
            )


def owner(asset: str, experiment: Experiment) -> Experiment:
    """The experiment with whose settings an asset is made: that of `trained_by` for what training makes.

    Raises:
        BadInput: `trained_by` names no experiment, or one that has its own leaders from elsewhere.
    """
    if not experiment.trained_by or STAGES[asset].group not in _TRAINING:
        return experiment
    trainer = find(experiment.trained_by)
    if trainer.trained_by:
        raise BadInput(
            f"{experiment.name}: trained_by: {trainer.name} trains no leader itself: name {trainer.trained_by}"
        )
    return trainer


def skipped(asset: str, experiment: Experiment) -> str | None:
    """Why an asset does not apply to an experiment, or None."""
    return STAGES[asset].skipped(owner(asset, experiment))

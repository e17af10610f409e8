"""What a phase is given, and how it is found: the versions that an experiment asks for, by their keys."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from mlpo_core.chain.experiments import owner, skipped
from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.checks.finding import Subject
from mlpo_core.errors import BadInput, NotMade
from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset, Origin, Store, VersionRef


class Spec(BaseModel):
    """What `run --spec` is given: a resolved experiment, input references and the root. No secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    partition: str
    experiment: Experiment
    inputs: dict[str, VersionRef | None]
    root: str
    fresh: str = ""
    """A label that enters the key: makes again what is already there, with the same seeds."""
    code: str = ""
    """Of the stage, as whoever asked for the version knows it; filled in when the spec is made."""

    @model_validator(mode="after")
    def _know_the_code(self) -> Self:
        if not self.code:
            object.__setattr__(self, "code", STAGES[self.asset].code(self.experiment))
        return self

    def check_code(self) -> None:
        """Refuse to make what nobody would find.

        Raises:
            BadInput: The stage's code is not what it was when the version was asked for.
        """
        if self.code != (now := STAGES[self.asset].code(self.experiment)):
            raise BadInput(
                f"{self.asset}: mlpo_core was edited while this ran (code {self.code}, now {now}): start it again, "
                "under Dagster after reloading the code location"
            )

    @property
    def source(self) -> Origin:
        """Everything that the version's key covers."""
        return labelled(origin(STAGES[self.asset], self.experiment, self.inputs), self.fresh)


class Outcome(BaseModel):
    """What became of a stage."""

    ref: VersionRef | None
    reused: bool
    skipped: str | None = None


def resolve(asset: str, experiment: Experiment, store: Store) -> Spec:
    """The spec of a stage whose inputs are all there.

    Raises:
        BadInput: An input has not been made for this experiment as it is now; names it and the command to run.
    """
    if (trainer := owner(asset, experiment)) is not experiment:
        return resolve(asset, trainer, store).model_copy(update={"partition": experiment.name})
    found = versions(experiment, store)
    inputs: dict[str, VersionRef | None] = {}
    for name in STAGES[asset].inputs:
        inputs[name] = found.get(name)
        if inputs[name] is None and not skipped(name, experiment):
            missing = next(a for a in STAGES if a not in found and not skipped(a, experiment))
            raise NotMade(
                f"{asset} needs {name}, which has not been made for experiment {experiment.name} as it is now.",
                missing,
                experiment.name,
            )
    return Spec(asset=asset, partition=experiment.name, experiment=experiment, inputs=inputs, root=store.root)


def versions(
    experiment: Experiment, store: Store, given: Mapping[str, VersionRef] | None = None
) -> dict[str, VersionRef]:
    """The versions that this experiment asks for, as far as they are there: walks the chain by keys, not pointers.

    Args:
        experiment: Whose versions.
        store: Where they are.
        given: Versions that a fresh run may have made: one whose key differs by its `fresh` label alone is asked for.
    """
    given = given or {}
    found: dict[str, VersionRef] = {}
    trained: dict[str, VersionRef] | None = None
    for asset, stage in STAGES.items():
        if (trainer := owner(asset, experiment)) is not experiment:
            trained = versions(trainer, store, given) if trained is None else trained
            found |= {asset: trained[asset]} if asset in trained else {}
            continue
        needed = [name for name in stage.inputs if not skipped(name, experiment)]
        if stage.skipped(experiment) or any(name not in found for name in needed):
            continue
        source = origin(stage, experiment, {name: found.get(name) for name in stage.inputs})
        if ref := _fresh(given.get(asset), source) or store.find(asset, key(asset, source)):
            found[asset] = ref
    return found


def _fresh(ref: VersionRef | None, source: Origin) -> VersionRef | None:
    """The version, if a fresh run made it from this source."""
    label = Dataset(ref).manifest.config.get("fresh") if ref else None
    return ref if ref and label and ref.key == key(ref.asset, labelled(source, label)) else None


def labelled(source: Origin, fresh: str) -> Origin:
    """A source under the label of a fresh run; without a label as it is."""
    return source._replace(config={**source.config, "fresh": fresh}) if fresh else source


def subject(spec: Spec, ref: VersionRef) -> Subject:
    """A version as its checks see it."""
    return Subject(Dataset(ref), {name: Dataset(r) for name, r in spec.inputs.items() if r}, spec.experiment)

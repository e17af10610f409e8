"""Run one stage: find the version if it is there, else make it, then point the experiment at it."""

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mlpo_core.checks import verify
from mlpo_core.checks.finding import Subject
from mlpo_core.config import Experiment
from mlpo_core.errors import BadInput
from mlpo_core.experiments import owner, skipped
from mlpo_core.progress import log
from mlpo_core.stages import STAGES, key, origin
from mlpo_core.storage_errors import explain_full_disk, explained
from mlpo_core.store import Dataset, Origin, Store, VersionRef, Writer


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

    @property
    def source(self) -> Origin:
        """Everything that the version's key covers."""
        source = origin(STAGES[self.asset], self.experiment, self.inputs)
        return source._replace(config={**source.config, "fresh": self.fresh}) if self.fresh else source


@dataclass(frozen=True)
class Context:
    """What a stage's function gets.

    Attributes:
        experiment: Holds only the sections that the stage declares.
        inputs: The stage's input versions, lazily readable; an input that does not apply is absent.
        writer: Where it writes its parts and files.
        store: The root, for stages that read more than their inputs.
        partition: Name of the experiment's partition.
        launcher: Where the work is done; says nothing about what comes of it.
    """

    experiment: Experiment
    inputs: dict[str, Dataset]
    writer: Writer
    store: Store
    partition: str
    launcher: Literal["local", "torchrun", "ray"] = "local"


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
            raise BadInput(
                f"{asset} needs {name}, which has not been made for experiment {experiment.name} as it is now. "
                f"Run: python -m mlpo_core run {missing} --experiment {experiment.name}"
            )
    return Spec(asset=asset, partition=experiment.name, experiment=experiment, inputs=inputs, root=store.root)


def versions(experiment: Experiment, store: Store) -> dict[str, VersionRef]:
    """The versions that this experiment asks for, as far as they are there: walks the chain by keys, not pointers."""
    found: dict[str, VersionRef] = {}
    trained: dict[str, VersionRef] | None = None
    for asset, stage in STAGES.items():
        if (trainer := owner(asset, experiment)) is not experiment:
            trained = versions(trainer, store) if trained is None else trained
            found |= {asset: trained[asset]} if asset in trained else {}
            continue
        needed = [name for name in stage.inputs if not skipped(name, experiment)]
        if stage.skipped(experiment) or any(name not in found for name in needed):
            continue
        source = origin(stage, experiment, {name: found.get(name) for name in stage.inputs})
        if ref := store.find(asset, key(asset, source)):
            found[asset] = ref
    return found


def lookup(spec: Spec) -> Outcome | None:
    """The outcome if nothing needs to be computed: the asset does not apply, or its version is there."""
    if reason := STAGES[spec.asset].skipped(spec.experiment):
        return Outcome(ref=None, reused=False, skipped=reason)
    store = Store(spec.root)
    ref = store.find(spec.asset, key(spec.asset, spec.source))
    if ref is None:
        return None
    store.point(spec.partition, ref)
    return Outcome(ref=ref, reused=True)


def run(spec: Spec) -> Outcome:
    """Make a stage's version, or find it."""
    with explained(spec.root):
        if outcome := lookup(spec):
            return outcome
        writer = Store(spec.root).writer(spec.asset, key(spec.asset, spec.source))
        # Processes of one torchrun make a version together.
        if "RANK" in os.environ:
            return _make(spec, writer)
        with writer.exclusive():
            return lookup(spec) or _launch(spec, writer)


def _launch(spec: Spec, writer: Writer) -> Outcome:
    """Make a version here, or in several processes where stage and launcher say so."""
    if spec.experiment.launcher == "local" or not STAGES[spec.asset].distributed:
        return _make(spec, writer)
    from mlpo_core.launching import train

    train(spec)
    outcome = lookup(spec)
    if outcome is None:
        raise RuntimeError(f"{spec.asset}: the training processes ended well, but left no version")
    return outcome.model_copy(update={"reused": False})


def _make(spec: Spec, writer: Writer) -> Outcome:
    stage = STAGES[spec.asset]
    store = Store(spec.root)
    source = spec.source
    version_key = writer.key
    store.set_damaged_aside(spec.asset, version_key)
    context = Context(
        experiment=stage.view(spec.experiment),
        inputs={name: Dataset(ref) for name, ref in spec.inputs.items() if ref},
        writer=writer,
        store=store,
        partition=spec.partition,
        launcher=spec.experiment.launcher,
    )
    log(f"{spec.asset}: making version {version_key}")
    module, _, name = stage.function.partition(":")
    try:
        stats: dict[str, Any] = getattr(import_module(module), name)(context)
        _put_trace(context)
    except Exception as error:
        if known := explain_full_disk(error, writer.scratch()):
            raise known from error
        raise
    if os.environ.get("RANK", "0") != "0":
        return Outcome(ref=None, reused=False)  # the first process finishes the version
    manifest = context.writer.commit(source, stats)
    ref = VersionRef(
        asset=spec.asset,
        url=store.folder.join(spec.asset, version_key).url,
        key=version_key,
        digest=manifest.digest,
    )
    for name, finding in verify(subject(spec, ref)).items():
        if not finding.passed:
            log(f"{spec.asset}: check {name} failed: {finding.message}")
    store.point(spec.partition, ref)
    return Outcome(ref=ref, reused=False)


def _put_trace(context: Context) -> None:
    from mlpo_core.trace_page import put_examples

    put_examples(context)


def subject(spec: Spec, ref: VersionRef) -> Subject:
    """A version as its checks see it."""
    return Subject(Dataset(ref), {name: Dataset(r) for name, r in spec.inputs.items() if r}, spec.experiment)

"""Run one stage: find the version if it is there, else make it, then point the experiment at it."""

from importlib import import_module
from typing import Any

from mlpo_core.chain.acceptance import differs_in_code_alone
from mlpo_core.chain.keys import key
from mlpo_core.chain.room import check_room
from mlpo_core.chain.spec import Outcome, Spec, subject
from mlpo_core.chain.stages import STAGES
from mlpo_core.chain.trace_page import put_examples
from mlpo_core.checks import verify
from mlpo_core.context import Context
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiment.trackers import require as require_trackers
from mlpo_core.judging.trial import tried
from mlpo_core.launching import ray_training, torchrun
from mlpo_core.launching.group import rank
from mlpo_core.launching.phase import Phase
from mlpo_core.progress import log
from mlpo_core.store import Dataset, Store, VersionRef, Writer
from mlpo_core.store.answers import Answers
from mlpo_core.store.failures import explain_full_disk, explained
from mlpo_core.store.leases import leased
from mlpo_core.store.manifest import inspect

_LAUNCHERS = {"torchrun": torchrun.train, "ray": ray_training.train}


def lookup(spec: Spec) -> Outcome | None:
    """The outcome if nothing needs to be computed: the asset does not apply, or its version is there."""
    if reason := STAGES[spec.asset].skipped(spec.experiment):
        return Outcome(ref=None, reused=False, skipped=reason)
    store = Store(spec.root)
    ref = store.find(spec.asset, key(spec.asset, spec.source))
    if ref is None:
        return None
    if _pointed(spec, store) != ref:
        store.point(spec.partition, ref)
        if store.find(spec.asset, ref.key) is None:  # deleted before the pointer protected it
            return None
    return Outcome(ref=ref, reused=True)


def run(spec: Spec) -> Outcome:
    """Make a stage's version, or find it."""
    number = rank()
    spec.check_code()
    with explained(spec.root):
        if outcome := lookup(spec):
            return outcome
        if number is not None and not STAGES[spec.asset].distributed:
            raise BadInput(f"{spec.asset} is made by one process, and this is one of a group: run it without torchrun")
        store = Store(spec.root)
        writer = store.writer(spec.asset, key(spec.asset, spec.source))
        if number:  # the first process has the lease, and finishes the version
            return _make(spec, writer, finishes=False)
        used = [(ref.asset, ref.key) for ref in spec.inputs.values() if ref]
        with leased(store.folder, [*used, (writer.asset, writer.key)]):
            if number is not None:
                return _make(spec, writer)
            with writer.exclusive():
                return lookup(spec) or _launch(spec, writer)


def run_text(spec: str) -> Outcome:
    """`run` of a spec as JSON: what every process of a launched phase does."""
    return run(Spec.model_validate_json(spec))


def _launch(spec: Spec, writer: Writer) -> Outcome:
    """Make a version here, or in several processes where stage and launcher say so."""
    if spec.experiment.launcher == "local" or not STAGES[spec.asset].distributed:
        return _make(spec, writer)
    phase = Phase(spec.asset, spec.model_dump_json(), run_text)
    _LAUNCHERS[spec.experiment.launcher](phase)
    outcome = lookup(spec)
    if outcome is None:
        raise RuntimeError(f"{spec.asset}: the training processes ended well, but left no version")
    return outcome.model_copy(update={"reused": False})


def _make(spec: Spec, writer: Writer, finishes: bool = True) -> Outcome:
    stage = STAGES[spec.asset]
    require_trackers(spec.experiment.trackers)  # by every stage: the first ones are paid for before any training
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
        sharding=spec.experiment.sharding,
        answers=Answers(store, spec.experiment.stem, spec.experiment.budget),
        trackers=spec.experiment.trackers,
    )
    log(f"{spec.asset}: making version {version_key}")
    _say_what_could_be_kept(spec, version_key, store)
    check_room(spec.asset, spec.experiment)
    module, _, name = stage.function.partition(":")
    try:
        stats: dict[str, Any] = getattr(import_module(module), name)(context)
        if spec.asset == "tasks":
            stats |= tried(context)
        put_examples(context)
    except Exception as error:
        if known := explain_full_disk(error, writer.scratch()):
            raise known from error
        raise
    if not finishes:
        return Outcome(ref=None, reused=False)
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
    if store.find(spec.asset, version_key) is None:
        raise Transient(f"{spec.asset}: version {version_key} was deleted as soon as it was made. Run this again")
    return Outcome(ref=ref, reused=False)


def _pointed(spec: Spec, store: Store) -> VersionRef | None:
    """What the experiment used until now; a pointer that cannot be read is said, and will be written anew."""
    try:
        return store.pointed(spec.partition, spec.asset)
    except BadInput as error:
        log(f"{spec.partition}: {error}")
        return None


def _say_what_could_be_kept(spec: Spec, wanted: str, store: Store) -> None:
    """Name the version that the experiment used until now, if only code has changed since."""
    if (used := _pointed(spec, store)) is None or used.key == wanted:
        return
    manifest = inspect(store.folder.join(spec.asset, used.key)).manifest
    if manifest and differs_in_code_alone(manifest, spec):
        log(
            f"{spec.asset}: version {used.key} differs in its code alone: where the rows would be the same, stop this "
            f"and keep it with: mlpo accept {spec.partition} {spec.asset} --why TEXT"
        )

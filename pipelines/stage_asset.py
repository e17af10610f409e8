"""Make the asset of one stage: resolve its inputs, reuse the version or launch the phase, say what came of it."""

from collections.abc import Generator, Mapping

import dagster as dg

from mlpo_core.chain.current import require_current
from mlpo_core.chain.experiments import find, owner, skipped
from mlpo_core.chain.holding import holds_model
from mlpo_core.chain.run import lookup
from mlpo_core.chain.spec import Outcome, Spec, resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store, VersionRef
from pipelines.abandoned import sign
from pipelines.errors import as_failure
from pipelines.evaluations import evaluation, latest, log, summary
from pipelines.foresight import require_approval
from pipelines.io.version_refs import KEY, load
from pipelines.launch import launch
from pipelines.lineage import column_schema
from pipelines.links import PAPER, code_references
from pipelines.metadata import describe
from pipelines.partitions import EXPERIMENTS
from pipelines.reads import carried, data_version, drawn
from pipelines.settings import CHANGED, observe, settings_key
from pipelines.slots import ACCELERATOR, slot
from pipelines.stage_checks import ABSENT, check_specs, results
from pipelines.tags import FRESH

OWNER = "team:research"
_VERSION = dg.DagsterType(
    name="Version",
    description="A reference to a dataset or checkpoint version; None where the asset is not part of the experiment.",
    type_check_fn=lambda _, value: value is None or isinstance(value, VersionRef),
)


def stage_asset(name: str, *, kinds: set[str]) -> dg.AssetsDefinition:
    """The asset of the stage `name`, with its checks, which can also be run alone.

    Args:
        name: Asset key, as in `mlpo_core.chain.stages.STAGES`.
        kinds: What the graph shows on it.
    """
    stage = STAGES[name]

    def materialize(context: dg.AssetExecutionContext) -> Generator[dg.MaterializeResult | dg.AssetCheckResult]:
        with as_failure():
            if context.selected_asset_keys:
                yield _materialize(context, name)
            else:
                yield from _check(context, name)

    return dg.multi_asset(
        name=name,
        # One asset, in the form that can be divided: its checks are a selection of their own.
        outs={
            name: dg.AssetOut(
                dagster_type=_VERSION,
                is_required=False,
                io_manager_key=KEY,
                description=stage.description,
                group_name=stage.group,
                code_version=stage.code(),
                automation_condition=CHANGED,
                kinds=kinds,
                owners=[OWNER],
                metadata={
                    "dagster/column_schema": column_schema(name),
                    "reads": ", ".join(stage.inputs) or "nothing that is made here",
                    "settings read": ", ".join(stage.sections),
                    "function": stage.function,
                    "paper": dg.MetadataValue.url(PAPER),
                    "dagster/code_references": code_references(name),
                },
            )
        },
        deps=[*drawn(name), settings_key(name)],
        can_subset=True,
        partitions_def=EXPERIMENTS,
        # What is not drawn is still made first, whatever a run selects.
        op_tags={"dagster/priority": str(len(STAGES) - list(STAGES).index(name))},
        check_specs=check_specs(name),
    )(materialize)


def _materialize(context: dg.AssetExecutionContext, name: str) -> dg.MaterializeResult:
    sign(context.instance, context.run_id)
    partition = context.partition_key
    store = Store()
    experiment = find(partition)
    observe(context, name, experiment)
    inputs = _inputs(name, partition)
    fresh = context.run.tags.get(FRESH, "")
    if owner(name, experiment) is not experiment:  # its inputs are those of the experiment that trains
        spec = resolve(name, experiment, store).model_copy(update={"fresh": fresh})
    else:
        if not skipped(name, experiment):
            require_current(inputs, experiment, store)
        spec = _spec(name, partition, inputs, fresh)
    before = store.pointed(partition, name)
    outcome = lookup(spec) or _made(context, spec)
    carries = {asset: ref.digest for asset in carried(name) if (ref := store.pointed(partition, asset))}
    if outcome.ref is None:
        version, metadata = ABSENT, {"outcome": f"{ABSENT}: {outcome.skipped}"}
    else:
        tasks = store.pointed(partition, "tasks")
        version = outcome.ref.digest
        metadata = describe(
            Dataset(outcome.ref), reused=outcome.reused, tasks=tasks and Dataset(tasks), partition=partition
        )
    context.add_asset_metadata(metadata)  # not of the result, which would write it twice: pictures are most of a log
    return dg.MaterializeResult(
        asset_key=name,
        value=outcome.ref,
        data_version=dg.DataVersion(data_version(name, version, carries)),
        check_results=results(spec, outcome, before),
    )


def _made(context: dg.AssetExecutionContext, spec: Spec) -> Outcome:
    """What a phase makes, once it has a slot if it needs one; or what another run made while this one waited."""
    require_approval(context.run, spec)
    holds = holds_model(spec.asset, spec.experiment)
    with slot(context, ACCELERATOR if holds else None):
        return lookup(spec) or launch(context, spec, holds_model=holds)


def _check(context: dg.AssetExecutionContext, name: str) -> list[dg.AssetCheckResult]:
    """The selected checks of the version that the experiment uses, current or not: nothing is made."""
    wanted = {key.name for key in context.selected_asset_check_keys}
    if context.has_partition_key:
        return _verified(name, context.partition_key, wanted)
    found: dict[str, dict[str, dg.AssetCheckResult]] = {check: {} for check in sorted(wanted)}
    key = dg.AssetKey(name)
    for partition, record in latest(
        context.instance, key, context.instance.get_dynamic_partitions("experiment")
    ).items():
        try:
            verified = _verified(name, partition, wanted)
        except BadInput as error:
            context.log.warning(f"{partition} is left out: {error}")
            continue
        for result in verified:
            log(context, evaluation(key, result, partition, record))
            found[str(result.check_name)][partition] = result
    return [summary(name, check, by_experiment) for check, by_experiment in found.items()]


def _verified(name: str, partition: str, wanted: set[str]) -> list[dg.AssetCheckResult]:
    made = load(name, partition)
    spec = _spec(name, partition, _inputs(name, partition), fresh="")
    outcome = Outcome(ref=made and made.ref, reused=True, skipped=skipped(name, spec.experiment))
    return [result for result in results(spec, outcome, outcome.ref) if result.check_name in wanted]


def _inputs(name: str, partition: str) -> dict[str, Dataset]:
    """What the experiment uses of all that a stage reads; what does not apply is left out."""
    found = {upstream: load(upstream, partition) for upstream in STAGES[name].inputs}
    return {upstream: dataset for upstream, dataset in found.items() if dataset is not None}


def _spec(name: str, partition: str, inputs: Mapping[str, Dataset], fresh: str) -> Spec:
    return Spec(
        asset=name,
        partition=partition,
        experiment=find(partition),
        inputs={upstream: inputs[upstream].ref if upstream in inputs else None for upstream in STAGES[name].inputs},
        root=Store().root,
        fresh=fresh,
    )

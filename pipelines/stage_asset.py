"""Make the asset of one stage: resolve its inputs, reuse the version or launch the phase, say what came of it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from mlpo_core.chain.current import require_current
from mlpo_core.chain.experiments import find, owner, skipped
from mlpo_core.chain.run import lookup
from mlpo_core.chain.spec import Outcome, Spec, resolve, subject
from mlpo_core.chain.stages import STAGES
from mlpo_core.checks import checks_of, verify
from mlpo_core.checks.finding import Finding
from mlpo_core.store import Dataset, Store, VersionRef
from pipelines.abandoned import sign
from pipelines.errors import as_failure
from pipelines.foresight import require_approval
from pipelines.launch import launch
from pipelines.lineage import column_schema
from pipelines.links import PAPER, code_references
from pipelines.metadata import describe
from pipelines.partitions import EXPERIMENTS
from pipelines.settings import CHANGED, observe, settings_key
from pipelines.slots import slot
from pipelines.tags import FRESH

ACCELERATOR = "accelerator"
"""The pool of phases that hold a model: as many at once as the instance has slots, one by default."""
REPRODUCED = "reproduced"
OWNER = "team:research"
_VERSION = dg.DagsterType(
    name="Version",
    description="A reference to a dataset or checkpoint version; None where the asset is not part of the experiment.",
    type_check_fn=lambda _, value: value is None or isinstance(value, VersionRef | Dataset),
)


def stage_asset(
    name: str, *, kinds: set[str], pool: str | None = None, freshness: dg.FreshnessPolicy | None = None
) -> dg.AssetsDefinition:
    """The asset of the stage `name`.

    Args:
        name: Asset key, as in `mlpo_core.chain.stages.STAGES`.
        kinds: What the graph shows on it.
        pool: Concurrency pool that a run takes a slot of while a phase makes this asset (`pipelines.slots`).
        freshness: When it counts as overdue.
    """
    stage = STAGES[name]

    def materialize(context: dg.AssetExecutionContext, **inputs: Any) -> dg.MaterializeResult:
        with as_failure():
            return _materialize(context, name, inputs, pool)

    materialize.__name__ = name
    return dg.asset(
        name=name,
        deps=[settings_key(name)],
        automation_condition=CHANGED,
        ins={upstream: dg.AssetIn(upstream) for upstream in stage.inputs},
        description=stage.description,
        group_name=stage.group,
        code_version=stage.code(),
        partitions_def=EXPERIMENTS,
        kinds=kinds,
        owners=[OWNER],
        freshness_policy=freshness,
        metadata={
            "dagster/column_schema": column_schema(name),
            "settings read": ", ".join(stage.sections),
            "function": stage.function,
            **({"pool": pool} if pool else {}),
            "paper": dg.MetadataValue.url(PAPER),
            "dagster/code_references": code_references(name),
        },
        check_specs=_check_specs(name),
        # The value is a reference, or None where the stage does not apply; the annotation alone would promise no value.
        dagster_type=dg.Any,  # pyright: ignore[reportArgumentType] - declared as typing.Any, a DagsterType when run
    )(materialize)


def _check_specs(name: str) -> list[dg.AssetCheckSpec]:
    declared = [
        dg.AssetCheckSpec(check.name, asset=name, description=check.description, blocking=check.blocking)
        for check in checks_of(name)
    ]
    text = f"A re-run under the tag {FRESH} gave the rows that were there before."
    return [*declared, dg.AssetCheckSpec(REPRODUCED, asset=name, description=text)]


def _materialize(
    context: dg.AssetExecutionContext, name: str, inputs: Mapping[str, Dataset | None], pool: str | None
) -> dg.MaterializeResult:
    sign(context.instance, context.run_id)
    partition = context.partition_key
    store = Store()
    experiment = find(partition)
    observe(context, name, experiment)
    present = {upstream: dataset for upstream, dataset in inputs.items() if dataset is not None}
    fresh = context.run.tags.get(FRESH, "")
    if owner(name, experiment) is not experiment:  # its inputs are those of the experiment that trains
        spec = resolve(name, experiment, store).model_copy(update={"fresh": fresh})
    else:
        if not skipped(name, experiment):
            require_current(present, experiment, store)
        spec = Spec(
            asset=name,
            partition=partition,
            experiment=experiment,
            inputs={upstream: dataset.ref if dataset else None for upstream, dataset in inputs.items()},
            root=store.root,
            fresh=fresh,
        )
    before = store.pointed(partition, name)
    return _result(spec, lookup(spec) or _made(context, spec, pool), before)


def _made(context: dg.AssetExecutionContext, spec: Spec, pool: str | None) -> Outcome:
    """What a phase makes once it has a slot; or what another run made while this one waited."""
    require_approval(context.run, spec)
    with slot(context, pool):
        return lookup(spec) or launch(context, spec)


def _result(spec: Spec, outcome: Outcome, before: VersionRef | None) -> dg.MaterializeResult:
    if outcome.ref is None:
        absent = Finding(passed=True, message=f"not part of this experiment: {outcome.skipped}")
        return dg.MaterializeResult(
            value=None,
            data_version=dg.DataVersion("not part of this experiment"),
            metadata={"outcome": absent.message},
            check_results=[
                *(_check(c.name, absent, c.blocking) for c in checks_of(spec.asset)),
                _check(REPRODUCED, absent, blocking=False),
            ],
        )
    findings = verify(subject(spec, outcome.ref))
    return dg.MaterializeResult(
        value=outcome.ref,
        data_version=dg.DataVersion(outcome.ref.digest),
        metadata=describe(Dataset(outcome.ref), reused=outcome.reused),
        check_results=[
            *(_check(c.name, findings[c.name], c.blocking) for c in checks_of(spec.asset)),
            _check(REPRODUCED, _reproduced(spec, outcome.ref, before), blocking=False),
        ],
    )


def _reproduced(spec: Spec, ref: VersionRef, before: VersionRef | None) -> Finding:
    if not spec.fresh:
        return Finding(passed=True, message="not a fresh re-run: nothing to compare")
    if before is None or before.key == ref.key:
        return Finding(passed=True, message="no earlier version to compare with")
    same = before.digest == ref.digest
    message = "the same rows as before" if same else f"other rows than version {before.key}"
    return Finding(passed=same, message=message, facts={"before": before.digest, "now": ref.digest})


def _check(name: str, finding: Finding, blocking: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        check_name=name,
        description=finding.message,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        metadata=finding.facts,
    )

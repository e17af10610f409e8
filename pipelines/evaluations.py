"""What a check says of one experiment, written by a run that is of none: the UI's *Execute all* names no partition."""

from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # has no public name
    AssetCheckEvaluationTargetMaterializationData,
)


def latest(
    instance: dg.DagsterInstance, asset: dg.AssetKey, experiments: Iterable[str]
) -> dict[str, dg.EventLogRecord]:
    """The last materialization of an asset by experiment; an experiment that has none is left out."""
    storage, wanted = instance.event_log_storage, set(experiments)
    ids = storage.get_latest_storage_id_by_partition(asset, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted)
    if not ids:
        return {}
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, storage_ids=list(ids.values())), limit=len(ids)
    )
    return {str(record.partition_key): record for record in found.records}


def evaluation(
    asset: dg.AssetKey,
    result: dg.AssetCheckResult,
    experiment: str | None = None,
    record: dg.EventLogRecord | None = None,
) -> dg.AssetCheckEvaluation:
    """A result as the state of one experiment, or of all together.

    Args:
        asset: Whose check it is.
        result: With the name of its check.
        experiment: Of which it says something; None for all.
        record: The materialization that was looked at, if it was one.
    """
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=str(result.check_name),
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
        partition=experiment,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        if record
        else None,
    )


def log(context: dg.OpExecutionContext | dg.AssetExecutionContext, said: dg.AssetCheckEvaluation) -> None:
    """Write a state as an event of the run: of those outside runs Dagster keeps every one for ever."""
    context.log_event(said)  # pyright: ignore[reportArgumentType] - is taken too


def summary(asset: str, check: str, by_experiment: Mapping[str, dg.AssetCheckResult]) -> dg.AssetCheckResult:
    """What a check says of all experiments together: it fails as badly as the worst of them."""
    failed = {name: result for name, result in by_experiment.items() if not result.passed}
    error = any(result.severity == dg.AssetCheckSeverity.ERROR for result in failed.values())
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset,
        check_name=check,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description=f"{len(by_experiment)} experiments; failed: {', '.join(sorted(failed)) or 'none'}",
    )

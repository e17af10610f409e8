"""A slot of a pool, held while a phase works and not a moment longer.

Dagster's own `pool=` takes the slot before an asset is begun, so that looking up a version, or saying that an asset
does not apply, would wait behind a training of days. Here the run looks first, and whoever has work to do queues in the
same pools: the UI's page on concurrency shows who holds a slot and who waits for one.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

ACCELERATOR = "accelerator"
"""The pool of phases that hold a model (`mlpo_core.chain.holding`): as many at once as the instance has slots, one by
default."""
POLL_S = 1.0


@contextmanager
def slot(context: dg.AssetExecutionContext, pool: str | None) -> Generator[None]:
    """Hold a slot of a pool, once there is one; freed however the block ends, also while it still waits.

    A process that is killed inside frees nothing: `pipelines.abandoned` and Dagster's run monitoring do that.

    Args:
        context: Of the asset that is made.
        pool: Which pool; None for work that no pool limits.
    """
    if pool is None or not _limited(context.instance, pool):
        yield
        return
    storage, step = context.instance.event_log_storage, _step(context)
    try:
        _wait(context, pool)
        yield
    finally:
        storage.free_concurrency_slot_for_step(context.run_id, step)


def _limited(instance: dg.DagsterInstance, pool: str) -> bool:
    """Whether the instance limits the pool: by a limit of its own, or by the default one as it is now."""
    storage, default = instance.event_log_storage, instance.global_op_concurrency_default_limit
    if not storage.supports_global_concurrency_limits:
        return False
    known = next((limit for limit in storage.get_pool_limits() if limit.name == pool), None)
    if default is not None and (known is None or (known.from_default and known.limit != default)):
        storage.initialize_concurrency_limit_to_default(pool)
        return True
    return known is not None


def _wait(context: dg.AssetExecutionContext, pool: str) -> None:
    """Queue for a slot by the run's priority; says whenever it waits behind somebody else than before."""
    storage, step = context.instance.event_log_storage, _step(context)
    priority, said = _priority(context), ""
    while not storage.claim_concurrency_slot(pool, context.run_id, step, priority).is_claimed:
        holders = storage.get_concurrency_info(pool).claimed_slots
        ahead = ", ".join(sorted(f"{holder.step_key} of run {holder.run_id}" for holder in holders))
        if ahead and ahead != said:
            context.log.info(f"waiting for a slot of pool {pool} behind {ahead}")
            said = ahead
        time.sleep(POLL_S)


def _priority(context: dg.AssetExecutionContext) -> int:
    try:
        return int(context.run.tags.get("dagster/priority", "0"))
    except ValueError:
        return 0


def _step(context: dg.AssetExecutionContext) -> str:
    return context.get_step_execution_context().step.key

"""Reading what a run left."""

import dagster as dg


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """The values of an asset's materialization metadata."""
    [event] = result.asset_materializations_for_node(asset)
    return {name: getattr(value, "value", value) for name, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The one sentence with which a run failed."""
    [event] = result.get_step_failure_events()
    data = event.step_failure_data
    return str(data.user_failure_data.description if data.user_failure_data else data.error)

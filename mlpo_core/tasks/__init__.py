"""Tasks of every benchmark: read, divided into train, dev and test, and stored as one dataset."""

from typing import TYPE_CHECKING, Any

from mlpo_core.tasks.rows import read_tasks, task_of

if TYPE_CHECKING:
    from mlpo_core.run import Context

__all__ = ["read_tasks", "run", "task_of"]


def run(ctx: "Context") -> dict[str, Any]:
    """Make the `tasks` asset."""
    from mlpo_core.tasks.build import build

    return build(ctx)

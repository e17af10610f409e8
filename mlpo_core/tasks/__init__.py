"""Tasks of every benchmark: read, divided into train, dev and test, and stored as one dataset."""

from mlpo_core.tasks.rows import read_tasks, task_of

__all__ = ["read_tasks", "task_of"]

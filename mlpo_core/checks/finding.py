"""What a check is, what it looks at, and what it says."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import BaseModel

from mlpo_core.experiment import Experiment
from mlpo_core.store import Dataset


class Finding(BaseModel):
    """Whether a check passed, in one sentence, with the figures behind it."""

    passed: bool
    message: str
    facts: dict[str, int | float | str] = {}


class Subject(NamedTuple):
    """A version to check, the inputs it was made from (absent ones do not apply) and the experiment that asked."""

    dataset: Dataset
    inputs: dict[str, Dataset]
    experiment: Experiment


class Check(NamedTuple):
    """One thing that must hold.

    A blocking check stops what is downstream in the same run; the others warn.
    """

    name: str
    description: str
    blocking: bool
    function: Callable[[Subject], Finding]


def some(values: Any, limit: int = 3) -> str:
    """The first few of many, for a message."""
    listed = [str(v) for v in values]
    return ", ".join(listed[:limit]) + (f" and {len(listed) - limit} more" if len(listed) > limit else "")

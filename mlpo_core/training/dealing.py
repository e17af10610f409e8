"""Deals a step's groups out to the processes anew, so that all have equally many that carry an advantage.

A group without one is left out (`skipping`), but every process must run as many groups of a micro-batch as the one that
has most. What stands first in a process is in its first micro-batch, so that all run out of groups in the same one.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from mlpo_core.training.skipping import has_rows

Place = tuple[int, int]
"""A process, and the number of a unit of rows in it."""


def deal(carrying: Sequence[Sequence[bool]]) -> list[list[Place]]:
    """Which units each process takes, in their order: those that carry an advantage first, then the others.

    Args:
        carrying: By process, which of its units carry an advantage; all have equally many units.
    """
    processes = len(carrying)
    places = [(process, unit) for unit in range(len(carrying[0])) for process in range(processes)]
    first = [place for place in places if carrying[place[0]][place[1]]]
    others = [place for place in places if not carrying[place[0]][place[1]]]
    dealt = [*first, *others]
    return [dealt[process::processes] for process in range(processes)]


def gathered(batches: Sequence[dict[str, Any]], places: Sequence[Place], unit: int) -> dict[str, Any]:
    """A batch of the units at `places`, out of the batches of all processes.

    Args:
        batches: By process. Prompts are padded on the left and completions on the right, each to a width of its own.
        places: Of `deal`.
        unit: Rows per unit.
    """
    rows = len(batches[0]["advantages"])

    def joined(name: str) -> Any:
        if not has_rows(batches[0][name], rows):
            return batches[0][name]
        values: list[Tensor] = [batch[name] for batch in batches]
        if values[0].ndim > 1:
            width = max(value.shape[1] for value in values)
            values = [_widened(name, value, width) for value in values]
        return torch.cat([values[process][number * unit : (number + 1) * unit] for process, number in places])

    return {name: joined(name) for name in batches[0]}


def is_even(carrying: Sequence[Sequence[bool]]) -> bool:
    """Whether no process has to give anything away."""
    counts = [sum(units) for units in carrying]
    return max(counts) - min(counts) <= 1


def _widened(name: str, value: Tensor, width: int) -> Tensor:
    missing = width - value.shape[1]
    return pad(value, (missing, 0) if name.startswith("prompt_") else (0, missing))

"""Leaves groups without advantage out of forward and backward, with the gradient of the whole batch.

Without KL, entropy bonus and router loss such a group adds exactly zero to the loss. `dr_grpo` divides by the rows of a
micro-batch, so the loss of those that stay is scaled back to the rows that there were.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Kept(NamedTuple):
    """What is left of a micro-batch."""

    inputs: dict[str, Any]
    share: float
    """Rows left over rows there were: what the loss is multiplied by."""
    idle: bool
    """Whether nothing carries an advantage: a token stays, so that there is a backward pass with gradients of zero."""


def with_advantage(advantages: Tensor, unit: int) -> Tensor:
    """Which units of `unit` consecutive rows hold an advantage other than zero, shape (rows / unit,)."""
    return (advantages.unflatten(0, (-1, unit)) != 0).any(dim=1)


def keep(inputs: dict[str, Any], carrying: Tensor, unit: int, count: int) -> Kept:
    """The units that carry an advantage, filled up to `count` with others, in their order.

    Args:
        inputs: A micro-batch; tensors with a first axis of rows, and scalars.
        carrying: Of `with_advantage`.
        unit: Rows per unit.
        count: Units to keep: the most that any process carries, since all must run the same shapes.
    """
    rows = len(inputs["advantages"])
    if count == 0:
        return Kept(
            {name: _one(name, value) if has_rows(value, rows) else value for name, value in inputs.items()},
            1 / rows,
            True,
        )
    units = torch.argsort(~carrying, stable=True)[:count].sort().values
    chosen = (units[:, None] * unit + torch.arange(unit, device=units.device)).flatten()
    left = {name: value[chosen] if has_rows(value, rows) else value for name, value in inputs.items()}
    return Kept(left, len(chosen) / rows, False)


def permuted(batch: dict[str, Any], unit: int) -> dict[str, Any]:
    """A batch with its units of `unit` rows in random order; with units of one row, TRL's own shuffle."""
    rows = len(batch["advantages"])
    order = torch.randperm(rows // unit)
    chosen = (order[:, None] * unit + torch.arange(unit)).flatten()
    return {name: value[chosen] if has_rows(value, rows) else value for name, value in batch.items()}


def _one(name: str, value: Tensor) -> Tensor:
    """Of the first row the last token of the prompt, which is padded on the left, and the first of what follows it."""
    if value.ndim < 2:
        return value[:1]
    return value[:1, -1:] if name.startswith("prompt_") else value[:1, :1]


def has_rows(value: Any, rows: int) -> bool:
    """Whether an entry of a batch of so many rows has a value for each of them."""
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) == rows

"""Stops training when a loss or a gradient is not finite, before it reaches the weights."""

from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils import gather
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.errors import BadInput

_NAMED = 8


class StopOnBadGradient(TrainerCallback):
    """Checks the gradients just before every optimizer step: weights, and so checkpoints, stay good."""

    def __init__(self, rows_of_step: Callable[[int], list[str]]) -> None:
        self._rows_of_step = rows_of_step

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        """Called after backward and clipping."""
        gradients = [_own(p.grad) for p in model.parameters() if p.grad is not None]
        if not gradients:
            return
        finite: Any = gather(torch.stack([g.isfinite().all() for g in gradients]).all().int().reshape(1))
        if not finite.all():  # in any process: of sharded weights each has gradients of its own
            raise not_finite("gradient", state.global_step + 1, self._rows_of_step(state.global_step))


def _own(gradient: Tensor) -> Tensor:
    return gradient.to_local() if isinstance(gradient, DTensor) else gradient


def not_finite(what: str, step: int, rows: list[str]) -> BadInput:
    """The error for a loss or gradient that is NaN or infinite. `step` counts from 1."""
    named = ", ".join(rows[:_NAMED]) + (f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else "")
    return BadInput(
        f"step {step}: the {what} is not finite; rows: {named}. The weights were not updated, and the last good "
        "checkpoint is kept: lower the learning rate or look at these rows, then run again"
    )

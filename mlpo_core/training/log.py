"""The training log of a checkpoint: one row per step and metric, a plot, and lines for whoever watches.

Everything goes through the trainer's own log, which its checkpoints carry, so a resumed run has a whole log.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.charts.curves import constant, panels
from mlpo_core.charts.render import png
from mlpo_core.progress import log
from mlpo_core.store.schemas import TRAINING_LOG

_INTERVAL_S = 5.0
_NOT_METRICS = frozenset({"step", "epoch"})
_TOTALS = frozenset({"train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss"})


class Progress(TrainerCallback):
    """Adds wall seconds and processes of every step to the log, and says now and then how far training is."""

    def __init__(self, label: str, shown: Sequence[str]) -> None:
        self._label = label
        self._shown = shown
        self._began = self._ended = time.monotonic()
        self._said = -math.inf

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The clock of a step starts once its rows are loaded; generation is part of the step."""
        self._began = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """And stops before anything is evaluated."""
        if args.device.type == "cuda":
            torch.cuda.synchronize()
        self._ended = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Called with what the trainer just appended to its history."""
        if logs is None or "loss" not in logs:
            return
        seconds, now = self._ended - self._began, time.monotonic()
        further = {"seconds": seconds, "processes": args.world_size}
        state.log_history[-1].update(further)
        logs.update(further)  # what trackers are told
        if state.is_world_process_zero and (now - self._said >= _INTERVAL_S or state.global_step == state.max_steps):
            self._said = now
            values = [f"{n} {logs[n]:.4g}" for n in self._shown if isinstance(logs.get(n), int | float)]
            values.append(f"{seconds:.2f} s/step")
            log(f"{self._label}: step {state.global_step}/{state.max_steps}, {', '.join(values)}")


def as_table(history: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The trainer's history in the schema `TRAINING_LOG`, without metrics that have no finite value."""
    rows = [
        {"step": entry["step"], "metric": name, "value": float(value)}
        for entry in history
        for name, value in sorted(entry.items())  # a resumed entry comes sorted from its checkpoint
        if name not in _NOT_METRICS and name not in _TOTALS and isinstance(value, int | float) and math.isfinite(value)
    ]
    return pa.Table.from_pylist(rows, schema=TRAINING_LOG)


def last(table: pa.Table, metric: str, over: int = 1) -> float | None:
    """The mean of a metric's last `over` values, or None where it was never logged."""
    values = [v for m, v in zip(table["metric"].to_pylist(), table["value"].to_pylist(), strict=True) if m == metric]
    return sum(values[-over:]) / len(values[-over:]) if values else None


def total(table: pa.Table, metric: str) -> float:
    """The sum of a metric over all steps."""
    pairs = zip(table["metric"].to_pylist(), table["value"].to_pylist(), strict=True)
    return sum(v for m, v in pairs if m == metric)


def plot(table: pa.Table, titles: Mapping[str, Sequence[str]]) -> bytes:
    """A PNG with one panel per title, each with the curves of its metrics over steps; without those that never move."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for row in table.to_pylist():
        steps, values = series.setdefault(row["metric"], ([], []))
        steps.append(row["step"])
        values.append(row["value"])
    found = {title: {m: series[m] for m in metrics if m in series} for title, metrics in titles.items()}
    moving = {title: curves for title, curves in found.items() if not constant(curves)}
    return png(panels(moving or {t: c for t, c in found.items() if c}))

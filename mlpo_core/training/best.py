"""Keeps the weights of the step that did best on dev prompts (`keep_best`), also across a kill or to another machine.

Of a model with an adapter it keeps the adapter alone. What is kept lies beside the checkpoints, in `best-<step>/`.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.progress import log

_WEIGHTS = "weights.safetensors"


class Best(TrainerCallback):
    """Follows a dev figure; to be added behind what measures it.

    Args:
        output: The trainer's folder.
        metric: The figure, higher is better; of equal ones the earliest is kept.
        keep: Takes a finished folder to where another machine finds it.
    """

    def __init__(self, output: Path, metric: str, keep: Callable[[Path], None]) -> None:
        self._output = output
        self._metric = metric
        self._keep = keep

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Called with a step's metrics; those before the first step are of weights that nothing has trained."""
        if not logs or self._metric not in logs or not state.is_world_process_zero:
            return
        before = [e[self._metric] for e in state.log_history[:-1] if e["step"] > 0 and self._metric in e]
        if all(logs[self._metric] > value for value in before):
            self._write(model, state.global_step)

    def put_back(self, model: Any) -> int | None:
        """Give a model the weights of the best step; returns the step, or None where nothing was measured."""
        if not (folders := self._folders()):
            return None
        found = load_file(folders[-1] / _WEIGHTS)
        with torch.no_grad():
            for name, parameter in _trained(model).items():
                parameter.copy_(found[name])
        step = _step(folders[-1])
        log(f"kept: the weights of step {step}, the best by {self._metric}")
        return step

    def _write(self, model: Any, step: int) -> None:
        beside = self._output / f".best-{step}"
        beside.mkdir(parents=True, exist_ok=True)
        save_file({n: p.detach().cpu().contiguous() for n, p in _trained(model).items()}, beside / _WEIGHTS)
        whole = self._output / f"best-{step}"
        shutil.rmtree(whole, ignore_errors=True)  # of a life that was killed after it
        os.replace(beside, whole)
        for folder in self._folders():
            if folder != whole:
                shutil.rmtree(folder)
        self._keep(whole)

    def _folders(self) -> list[Path]:
        return sorted(self._output.glob("best-*"), key=_step)


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])

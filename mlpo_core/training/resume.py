"""Training checkpoints that survive a kill: which one to continue from, and how it is known to be whole.

The trainer writes weights, optimizer, scheduler, random states and its own log into `checkpoint-<step>/`, file by
file. A folder counts only once `COMPLETE` stands in it, written last, with the SHA-256 of every file.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mlpo_core.store.digest import folder_sha256

COMPLETE = "complete.json"
KEPT = 2
"""Checkpoints on disk at most: the newest may be unfinished, so the one before it stays."""


class MarkComplete(TrainerCallback):
    """Marks each checkpoint once the trainer has written all of it, and hands it to `keep`."""

    def __init__(self, keep: Callable[[Path], None]) -> None:
        self._keep = keep

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The trainer calls this after its last file; every process writes its own random state."""
        if dist.is_initialized():
            dist.barrier()
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero:
            mark(folder)
            self._keep(folder)


def mark(folder: Path) -> None:
    """Declare a checkpoint folder whole."""
    hashes = _hashes(folder)
    beside = folder / f".{COMPLETE}"
    with beside.open("w") as file:
        json.dump(hashes, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, folder / COMPLETE)


def last_complete(output: Path) -> Path | None:
    """The newest whole checkpoint below `output`, or None. Every file of those that are looked at is read."""
    for folder in sorted(output.glob("checkpoint-*"), key=_step, reverse=True):
        if _is_whole(folder):
            return folder
    return None


def discard_unfinished(output: Path) -> None:
    """Delete checkpoint folders that a kill left unfinished, so that the trainer does not count them."""
    for folder in output.glob("checkpoint-*"):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)  # machines with a common disk do so together


def _is_whole(folder: Path) -> bool:
    try:
        return json.loads((folder / COMPLETE).read_text()) == _hashes(folder)
    except (FileNotFoundError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str]:
    return {name: h for name, h in folder_sha256(folder).items() if name not in (COMPLETE, f".{COMPLETE}")}


def _step(folder: Path) -> int:
    suffix = folder.name.rpartition("-")[2]
    return int(suffix) if suffix.isdigit() else -1

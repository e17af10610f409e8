"""Telling trackers the figures of a training while it runs, by transformers' own callbacks."""

import os
from pathlib import Path
from typing import Any

from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.progress import log

PROJECT = "mlpo"
_FOLDER = "TENSORBOARD_LOGGING_DIR"


def attach(trainer: Any, ctx: Context) -> None:
    """Add the callbacks of `trackers` to a trainer, behind those that measure: they are told what these found.

    A run is named after partition, asset and version. Nothing of it enters the version.

    Raises:
        BadInput: A tracker cannot be used here.
    """
    trainer.args.run_name = f"{ctx.partition} {ctx.writer.asset} {ctx.writer.key[:8]}"
    trainer.args.project = PROJECT
    os.environ.setdefault("WANDB_PROJECT", PROJECT)
    for name in ctx.trackers:
        try:
            callback: Any = INTEGRATION_TO_CALLBACK[name]()
        except (RuntimeError, ImportError) as error:
            raise BadInput(f"trackers: {name}: {error}") from error
        if name == "tensorboard":
            folder = Path(os.environ.get(_FOLDER) or "runs").expanduser()
            callback.logging_dir = str(folder / ctx.partition / f"{ctx.writer.asset}-{ctx.writer.key[:8]}")
            log(f"{ctx.writer.asset}: watch it with: tensorboard --logdir {folder}")
        trainer.add_callback(callback)

"""What every training of the leader shares: arguments, resume after a kill, checkpoint, log and plot."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PrinterCallback, ProgressCallback

from mlpo_core.context import Context
from mlpo_core.engines.precision import trains_in_bfloat16
from mlpo_core.errors import BadInput
from mlpo_core.launching.group import process_count
from mlpo_core.progress import log
from mlpo_core.training import log as training_log
from mlpo_core.training import resume, sharding, trackers
from mlpo_core.training.best import Best
from mlpo_core.training.guard import StopOnBadGradient
from mlpo_core.training.leader import ADAPTER, CHECKPOINT, save, save_adapter


class Schedule(NamedTuple):
    """How one training runs, in TRL's terms."""

    steps: int
    rows_per_step: int
    """Over all processes and micro-batches."""
    micro_batch_size: int | None
    """Rows per forward and backward of one process; None is its whole share."""
    learning_rate: float
    warmup_steps: int
    decay: bool
    """Linear decay to zero after the warm-up, else constant."""
    save_steps: int
    seed: int
    gradient_checkpointing: bool | None
    """None is on where there is a CUDA device."""


def arguments(schedule: Schedule, output: Path) -> dict[str, Any]:
    """Keyword arguments that `SFTConfig` and `GRPOConfig` have in common.

    Raises:
        BadInput: The batch cannot be divided among processes and micro-batches.
    """
    processes = process_count()
    micro = schedule.micro_batch_size or schedule.rows_per_step // processes
    if micro < 1 or schedule.rows_per_step % (micro * processes):
        raise BadInput(
            f"micro_batch_size {micro} × {processes} processes does not divide the {schedule.rows_per_step} rows of a "
            "step: choose a divisor"
        )
    cuda, bfloat16 = torch.cuda.is_available(), trains_in_bfloat16("training")
    checkpointing = schedule.gradient_checkpointing
    return {
        "output_dir": str(output),
        "max_steps": schedule.steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": schedule.rows_per_step // (micro * processes),
        "learning_rate": schedule.learning_rate,
        "warmup_steps": schedule.warmup_steps,
        "lr_scheduler_type": "linear" if schedule.decay else "constant_with_warmup",
        "optim": "adamw_torch",
        "seed": schedule.seed,
        "use_cpu": not cuda,
        "bf16": bfloat16,
        **sharding.options(cuda if checkpointing is None else checkpointing),
        "dataloader_pin_memory": cuda,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": schedule.save_steps,
        "save_total_limit": resume.KEPT,
        "report_to": "none",
        "disable_tqdm": True,
    }


def fit(
    trainer: Any,
    ctx: Context,
    output: Path,
    shown: Sequence[str],
    rows_of_step: Callable[[int], list[str]],
    best: Best | None = None,
) -> pa.Table:
    """Train to the end, from the last whole checkpoint if there is one; write weights and log; return the log.

    Args:
        trainer: A TRL trainer made with `arguments`.
        ctx: Its stage.
        output: The trainer's folder.
        shown: Metrics named in progress lines.
        rows_of_step: Ids of the rows that a 0-based step reads, for errors.
        best: What keeps the weights of another step than the last, which are then those that are written.

    Raises:
        BadInput: The best step is asked for of sharded weights.
    """
    if best and (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        raise BadInput("keep_best: is not there for sharded weights: set it to false")
    if trainer.accelerator.num_processes != process_count():
        raise RuntimeError(
            f"{process_count()} processes were started, but {trainer.accelerator.num_processes} train together: they "
            "did not find each other. `accelerate launch --cpu` does so; use torchrun"
        )
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    for callback in (
        training_log.Progress(ctx.writer.asset, shown),
        resume.MarkComplete(ctx.writer.keep),
        StopOnBadGradient(rows_of_step),
    ):
        trainer.add_callback(callback)
    if best:
        trainer.add_callback(best)
    if ctx.trackers:
        trackers.attach(trainer, ctx)
    if trainer.accelerator.is_local_main_process:
        resume.discard_unfinished(output)  # on another machine than the first that is every checkpoint: fetch it whole
        ctx.writer.restore(output)
        resume.discard_unfinished(output)  # also what a kill left unfinished in the store
    trainer.accelerator.wait_for_everyone()
    if trainer.args.device.type == "cpu":
        # among several processes it is called cpu:0 or cpu:1, which torch.load does not know
        trainer.args._setup_devices = torch.device("cpu")
    checkpoint = at_hand_everywhere(resume.last_complete(output))
    if checkpoint:
        log(f"{ctx.writer.asset}: resuming from {checkpoint.name}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if best and trainer.accelerator.is_main_process:
        best.put_back(trainer.accelerator.unwrap_model(trainer.model))
    table = training_log.as_table(trainer.state.log_history)
    weights = trainer.accelerator.get_state_dict(trainer.model)  # by all processes: FSDP gathers what they hold
    if trainer.accelerator.is_main_process:
        model = trainer.accelerator.unwrap_model(trainer.model)
        if adapter := save_adapter(model, output.parent / "adapter", weights):
            ctx.writer.put_folder(ADAPTER, adapter)
        ctx.writer.put_folder(CHECKPOINT, save(model, trainer.processing_class, output.parent / "final", weights))
        ctx.writer.write(0, table)
    trainer.accelerator.wait_for_everyone()
    return table


def at_hand_everywhere(checkpoint: Path | None) -> Path | None:
    """The checkpoint if every process found the same: where machines share neither disk nor store, all begin."""
    names: list[str] = gather_object([checkpoint.name if checkpoint else ""])
    return checkpoint if len(set(names)) == 1 else None


def put_plot(ctx: Context, table: pa.Table, panels: Mapping[str, Sequence[str]]) -> None:
    """Write `plots/training.png` of the log."""
    if PartialState().is_main_process:
        ctx.writer.put("plots/training.png", training_log.plot(table, panels))
    PartialState().wait_for_everyone()

"""Supervised fine-tuning of the base leader on the traces (TRL's `SFTTrainer`).

The loss covers the completion and its end-of-turn token; prompts and segments with `train=false` (the wrong attempt of
a backtracking trace, when masked) are labelled -100.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer
from trl.trainer.utils import disable_dropout_in_model

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Leader
from mlpo_core.prompts import chat
from mlpo_core.training import leader as leaders
from mlpo_core.training import log as training_log
from mlpo_core.training.fit import Schedule, arguments, fit, put_plot
from mlpo_core.training.guard import not_finite
from mlpo_core.training.row_files import run_order, write_rows
from mlpo_core.training.sharding import Sharded
from mlpo_core.training.token_means import TokenMeans
from mlpo_core.types import stable_seed

IGNORED = -100
"""Label of a token without loss."""
_ROWS = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
_PANELS = {
    "loss": ("loss",),
    "token accuracy": ("mean_token_accuracy",),
    "entropy (nats)": ("entropy",),
    "gradient norm": ("grad_norm",),
}


class Labelled(NamedTuple):
    """Token ids of a trace and its labels, of the same length."""

    input_ids: list[int]
    labels: list[int]


class Example(NamedTuple):
    """A user turn, the pieces of its completion, and whether each is learnt. `id` names it in errors."""

    id: str
    prompt: str
    segments: Sequence[tuple[str, bool]]


def run(ctx: Context) -> dict[str, Any]:
    """Fine-tune the base leader and write its checkpoint and training log."""
    columns = ("trace_id", "prompt", "completion_segments")
    examples = (
        Example(r["trace_id"], r["prompt"], [(s["text"], s["train"]) for s in r["completion_segments"]])
        for r in ctx.inputs["sft_dataset"].rows(columns)
    )
    return tune(
        ctx,
        examples,
        "traces",
        "sft_dataset has no trace to learn from: raise sft.samples or sft.tasks, or set sft.enabled: false",
    )


def tune(ctx: Context, examples: Iterable[Example], unit: str, nothing: str) -> dict[str, Any]:
    """Fine-tune the leader that the stage starts from with the settings in `sft`; returns the manifest's stats.

    Args:
        ctx: A stage that makes a leader.
        examples: Read once, written to a scratch file.
        unit: What an example is called in the headline.
        nothing: What to say when there is none.

    Raises:
        BadInput: There is no example, or one does not fit the leader's context.
    """
    settings = ctx.experiment.sft
    model, tokenizer, _ = leaders.load_start(ctx, settings.lora)
    section = leaders.leader_section(ctx)
    limit = leaders.context_limit(model, section)
    scratch = ctx.writer.scratch()
    ids: list[str] = []
    rows = write_rows(scratch / "rows.arrow", _rows(examples, tokenizer, section, limit, ids), _ROWS)
    if not ids:
        raise BadInput(nothing)
    seed = stable_seed(ctx.experiment.seed, ctx.writer.asset)
    batch = settings.batch_size
    order = run_order(len(ids), batch, settings.steps, seed)

    def rows_of_step(step: int) -> list[str]:
        return [ids[i] for i in order[step * batch : (step + 1) * batch]]

    schedule = Schedule(
        steps=settings.steps,
        rows_per_step=batch,
        micro_batch_size=settings.micro_batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=round(settings.warmup_share * settings.steps),
        decay=True,
        save_steps=settings.save_steps,
        seed=seed,
        gradient_checkpointing=settings.gradient_checkpointing,
    )
    output = scratch / "trainer"
    disable_dropout_in_model(model)
    trainer = _Trainer(
        model=model,
        args=SFTConfig(
            **(arguments(schedule, output) | settings.trl), max_length=None, train_sampling_strategy="sequential"
        ),
        train_dataset=rows.select(order),
        processing_class=tokenizer,
        peft_config=leaders.adapter(settings.lora),
    )
    trainer.rows_of_step = rows_of_step
    table = fit(trainer, ctx, output, ("loss", "mean_token_accuracy"), rows_of_step)
    put_plot(ctx, table, _PANELS)
    return {
        "headline": {
            unit: len(ids),
            "steps": settings.steps,
            "final loss": round(training_log.last(table, "loss", over=10) or 0.0, 4),
            "tokens": int(training_log.last(table, "num_tokens") or 0),
            "seconds": round(training_log.total(table, "seconds"), 1),
        }
    }


def label(
    tokenizer: Any, prompt: str, segments: Sequence[tuple[str, bool]], end: int, system: str = "", template: str = ""
) -> Labelled:
    """Token ids of prompt, completion and end of turn, labelled where there is loss.

    The completion is tokenized whole, as the leader would write it, without a `<think>` that its template opens in the
    prompt; a token belongs to the segment in which it begins.

    Args:
        tokenizer: The leader's, with character offsets.
        prompt: The user turn.
        segments: Pieces that concatenate to the completion, and whether each is learnt.
        end: The token that ends an answer.
        system: The leader's system message.
        template: Further arguments of its chat template.
    """
    head = chat.encode(tokenizer, prompt, system, template)
    pieces = [(chat.neutralise(tokenizer, text), train) for text, train in segments]
    completion = "".join(text for text, _ in pieces)
    written = chat.continuation(chat.opening(tokenizer, template), completion)
    encoded = tokenizer(written, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = encoded["input_ids"]
    learnt = [train for text, train in pieces for _ in text][len(completion) - len(written) :]
    labels = [t if learnt[start] else IGNORED for t, (start, _) in zip(ids, encoded["offset_mapping"], strict=True)]
    return Labelled([*head, *ids, end], [*[IGNORED] * len(head), *labels, end])


def _rows(
    examples: Iterable[Example], tokenizer: Any, leader: Leader, limit: int, ids: list[str]
) -> Iterator[dict[str, Any]]:
    if not tokenizer.is_fast:
        raise BadInput(
            f"{tokenizer.name_or_path}: masking parts of a trace needs a tokenizer that gives character offsets"
        )
    end = leaders.end_of_turn(tokenizer)
    for example in examples:
        labelled = label(tokenizer, example.prompt, example.segments, end, leader.system_prompt, leader.template)
        if len(labelled.input_ids) > limit:
            raise BadInput(
                f"{example.id}: {len(labelled.input_ids)} tokens, but the leader's context is {limit}: raise "
                "leader.max_context if the model allows it, or show less with leader.information"
            )
        ids.append(example.id)
        yield labelled._asdict()


class _Trainer(Sharded, SFTTrainer):
    """TRL's trainer, which stops on a loss that is not finite and counts tokens across a resume."""

    rows_of_step: Callable[[int], list[str]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._token_means = TokenMeans(self._metrics["train"])

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        value = loss[0] if return_outputs else loss
        if not torch.isfinite(value):
            raise not_finite("loss", self.state.global_step + 1, self.rows_of_step(self.state.global_step))
        learnt: Any = self.accelerator.gather((inputs["labels"] != IGNORED).sum().reshape(1))
        for name in ("entropy", "mean_token_accuracy"):
            self._token_means.fold(name, learnt.sum().item())
        return loss

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self._total_train_tokens = next(
                (e["num_tokens"] for e in reversed(self.state.log_history) if "num_tokens" in e), 0
            )

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Checkpoints here are scratch."""

    def _send_telemetry(self) -> None:
        """Training stays between the user and their machine."""

"""GRPO of the leader on prompts, as the paper sets it up: the one code path of MLPO and of its baseline without a team.

Dr. GRPO's corrections (`loss_type="dr_grpo"`, no scaling of rewards) unless `trl` says otherwise, no value network, KL
off by default. A group is one prompt: a task and a proposal set.
"""

import heapq
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.utils import disable_dropout_in_model

from mlpo_core.context import Context
from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput
from mlpo_core.experiment import RL, Leader
from mlpo_core.judging import judge_of
from mlpo_core.launching.group import process_count
from mlpo_core.prompts import chat
from mlpo_core.store.schemas import AUDIT
from mlpo_core.training import leader as leaders
from mlpo_core.training import log as training_log
from mlpo_core.training import sharding
from mlpo_core.training.best import Best
from mlpo_core.training.curriculum import Key, ordered
from mlpo_core.training.dev_curve import DevCurve
from mlpo_core.training.fit import Schedule, arguments, fit, put_plot
from mlpo_core.training.judgements import Judgements
from mlpo_core.training.kept_rollouts import KeptRollouts
from mlpo_core.training.later_rounds import LaterRounds
from mlpo_core.training.leader_trainer import LeaderTrainer, too_long
from mlpo_core.training.prefix_cache import observe
from mlpo_core.training.rewards import Reward
from mlpo_core.training.rounds_trainer import RoundsTrainer
from mlpo_core.training.row_files import run_order, write_rows
from mlpo_core.training.terms import terms_of
from mlpo_core.types import stable_seed

_TASK = ("task_id", "benchmark", "subject", "split", "question", "choices", "answer", "answer_kind")
COLUMNS = ("prompt_id", "mode", "prompt", *_TASK)
"""What a prompt row must hold: the user turn and, for the reward, the whole task."""
_SAID = ("reward", "loss", "correct", "zero_variance_share", "completions/mean_length")
"""Metrics in the lines that tell how far training is."""
_TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_ROWS = pa.schema(
    [
        ("row", pa.int32()),
        ("prompt", _TURNS),
        *((c, pa.list_(pa.string()) if c == "choices" else pa.string()) for c in COLUMNS if c != "prompt"),
    ]
)
PANELS = {
    "share correct (sampled)": ("correct", "well_formed"),
    "dev accuracy (greedy)": ("dev/team/correct", "dev/solo/correct"),
    "reward": ("reward",),
    "groups without signal": ("zero_variance_share",),
    "completion tokens": ("completions/mean_length",),
    "entropy (nats)": ("entropy",),
    "clipped share": ("clip_ratio/region_mean",),
    "of rewarded dev answers": AUDIT,
}
"""Curves of the plot beside the log, by title."""


class Variant(NamedTuple):
    """What another algorithm than GRPO brings, on the same prompts and under the same settings.

    Attributes:
        trainer: Its trainer.
        prepare: Called with that trainer before it trains.
        curve: What measures the leader on dev prompts.
        panels: Further curves of the plot.
    """

    trainer: type[LeaderTrainer]
    prepare: Callable[[Any], None]
    curve: type[DevCurve] = DevCurve
    panels: Mapping[str, Sequence[str]] = {}


@dataclass
class Survey:
    """What the one pass over the training prompts finds on its way."""

    ids: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    shortest: int = sys.maxsize
    """Tokens of the shortest prompt."""
    keys: list[float | None] = field(default_factory=list)
    """By which prompts are ordered, where they are."""


def train(
    ctx: Context,
    settings: RL,
    prompts: Iterable[dict[str, Any]],
    dev: Iterable[dict[str, Any]],
    tokens: int | None = None,
    later: Callable[..., LaterRounds] | None = None,
    key: Key | None = None,
    variant: Variant | None = None,
) -> dict[str, Any]:
    """Train the leader on prompts and write its checkpoint and training log; returns the manifest's stats.

    Args:
        ctx: The stage.
        settings: Sizes and rates.
        prompts: Training rows with `COLUMNS`, read once.
        dev: Rows for the curves; at most `eval_prompts` of each mode are used.
        tokens: Stop once this many prompt and completion tokens went through the leader, instead of after
            `settings.steps` steps.
        later: Makes the source of prompts of later rounds; None trains on the prompts as they are.
        key: By what the prompts of a pass are ordered; None leaves them as the seed draws them.
        variant: Another algorithm; None is GRPO.

    Raises:
        BadInput: A term of the reward that is not there or gives nonsense, too few prompts, a prompt too long for the
            context, batch sizes that do not divide, vLLM without CUDA, or a loss that is not finite.
    """
    section = leaders.leader_section(ctx)
    asset = ctx.writer.asset
    terms = terms_of(settings)
    if settings.rollouts == "vllm" and not torch.cuda.is_available():
        raise BadInput("rollouts: vllm needs a CUDA device inside the trainer; on a CPU use rollouts: transformers")
    sharding.refuse(ctx, settings.lora.rank, settings.beta)
    model, tokenizer, revision = leaders.load_start(ctx, settings.lora)
    disable_dropout_in_model(model)
    limit = leaders.context_limit(model, section)
    scratch = ctx.writer.scratch()
    survey = Survey()
    rows = write_rows(
        scratch / "rows.arrow",
        _rows(prompts, tokenizer, section, limit - section.max_new_tokens, survey, key),
        _ROWS,
    )
    if settings.prompts_per_step % process_count():
        raise BadInput(
            f"prompts_per_step {settings.prompts_per_step} cannot be divided among {process_count()} processes: "
            "a group must stay in one process"
        )
    if len(rows) < settings.prompts_per_step:
        raise BadInput(
            f"{asset}: {len(rows)} training prompts, but a step takes prompts_per_step = {settings.prompts_per_step}: "
            "lower it, relax the filter (filter.max_correct_rate), or give more training tasks"
        )
    seed = stable_seed(ctx.experiment.seed, asset)
    per_step, group = settings.prompts_per_step, settings.group_size
    steps = settings.steps if tokens is None else -(-tokens // (per_step * group * (survey.shortest + 1)))
    iterations = settings.num_iterations
    order = run_order(len(rows), per_step, -(-steps // iterations), seed)
    if key:
        order = ordered(order, len(rows) // per_step * per_step, survey.keys)

    def indices_of_step(step: int) -> list[int]:
        first = step // iterations * per_step
        return order[first : first + per_step]

    def rows_of_step(step: int) -> list[str]:
        return [f"group {survey.ids[i]}" for i in indices_of_step(step)]

    schedule = Schedule(
        steps=steps,
        rows_per_step=per_step * group,
        micro_batch_size=settings.micro_batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=round(settings.warmup_share * settings.steps),
        decay=False,
        # completions are reused for `iterations` steps and not kept in checkpoints, which so stand between reuses
        save_steps=-(-settings.save_steps // iterations) * iterations,
        seed=seed,
        gradient_checkpointing=settings.gradient_checkpointing,
    )
    output = scratch / "trainer"
    ends = leaders.ends(model, tokenizer)
    opening = chat.opening(tokenizer, section.template)
    needs_workers = not survey.kinds <= {"exact", "option", "number"}
    judgements = Judgements(ctx)
    with Reward(
        terms,
        needs_workers,
        opening,
        settings.truncated,
        ends,
        ctx.experiment.grading,
        judge_of(ctx),
        judgements.keep,
    ) as reward:
        trainer = (variant.trainer if variant else RoundsTrainer if later else LeaderTrainer)(
            model=model,
            reward_funcs=reward,
            args=_config(settings, schedule, section.max_new_tokens, limit, revision, arguments(schedule, output)),
            train_dataset=rows.select(order),
            processing_class=tokenizer,
            peft_config=leaders.adapter(settings.lora),
        )
        trainer.row_ids = survey.ids
        trainer.prompt_limit = limit - section.max_new_tokens
        trainer.system, trainer.template = section.system_prompt, section.template
        trainer.rollout_tokens = settings.rollout_batch_tokens
        if trainer.use_vllm and settings.trl.get("vllm_mode") != "server":
            metrics = trainer._metrics["train"]  # pyright: ignore[reportPrivateUsage]
            observe(trainer.vllm_generation.llm, lambda share: metrics["prefix_cache_hit_rate"].append(share))
        if later and isinstance(trainer, RoundsTrainer):
            generating = range(0, steps, iterations)
            trainer.later = later(trainer.prompt_limit, tokenizer, rows, indices_of_step, generating)
            if trainer.later.leads:
                trainer.leading = Sampling(ctx.experiment.inference.temperature, 1.0, section.max_new_tokens)
        if variant:
            variant.prepare(trainer)
        best = None
        if shown := _dev_rows(dev, settings.eval_prompts):
            reads = (section.system_prompt, ctx.experiment.prompts, section.template, trainer.prompt_limit)
            curve = variant.curve if variant else DevCurve
            trainer.add_callback(curve(shown, reward, tokenizer, section.max_new_tokens, settings, *reads))
            mode = "team" if any(row["mode"] == "team" for row in shown) else "solo"
            best = Best(output, f"dev/{mode}/correct", ctx.writer.keep) if settings.keep_best else None
        if tokens is not None:
            trainer.add_callback(_StopAfterTokens(tokens))
        if settings.keep_rollouts:  # told last, so that it knows which step is
            kept = KeptRollouts(ctx.writer, reward, settings.keep_rollouts)
            trainer.generated = kept.generated
            trainer.add_callback(kept)
        table = fit(trainer, ctx, output, _SAID, rows_of_step, best)
    more = variant.panels if variant else {}
    put_plot(ctx, table, {**PANELS, **more, **({"reward's own terms": terms.metrics} if terms.own else {})})
    return {"headline": _headline(table, len(rows), trainer.state.global_step), **judgements.put()}


def _config(
    settings: RL, schedule: Schedule, max_new_tokens: int, limit: int, revision: str | None, common: dict[str, Any]
) -> GRPOConfig:
    vllm: dict[str, Any] = {}
    ours: dict[str, Any] = {"loss_type": "dr_grpo", "scale_rewards": "none"}
    if settings.rollouts == "vllm":
        vllm = {
            "use_vllm": True,
            "vllm_mode": "colocate",
            "vllm_max_model_length": limit,
            "vllm_importance_sampling_correction": True,
        }
    if revision and settings.beta:
        vllm["model_init_kwargs"] = {"revision": revision}  # of the KL term's reference model
    return GRPOConfig(
        **(common | ours | vllm | settings.trl),
        generation_batch_size=schedule.rows_per_step,
        num_generations=settings.group_size,
        num_iterations=settings.num_iterations,
        max_completion_length=max_new_tokens,
        temperature=settings.temperature,
        beta=settings.beta,
        mask_truncated_completions=settings.truncated == "mask",
        disable_dropout=not settings.lora.dropout,  # of the base it is off
        shuffle_dataset=False,
    )


def _rows(
    prompts: Iterable[dict[str, Any]], tokenizer: Any, leader: Leader, limit: int, survey: Survey, key: Key | None
) -> Iterator[dict[str, Any]]:
    for index, row in enumerate(prompts):
        length = len(chat.encode(tokenizer, row["prompt"], leader.system_prompt, leader.template))
        if length > limit:
            raise BadInput(too_long(row["prompt_id"], length, limit))
        survey.ids.append(row["prompt_id"])
        survey.kinds.add(row["answer_kind"])
        survey.shortest = min(survey.shortest, length)
        if key:
            survey.keys.append(key(row))
        yield {**{c: row[c] for c in COLUMNS}, "row": index, "prompt": [{"role": "user", "content": row["prompt"]}]}


def _dev_rows(rows: Iterable[dict[str, Any]], per_mode: int) -> list[dict[str, Any]]:
    """At most `per_mode` rows of each mode, drawn by their ids, which are hashes."""
    by_mode: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_mode.setdefault(row["mode"], []).append(row)
    return [row for m in sorted(by_mode) for row in heapq.nsmallest(per_mode, by_mode[m], key=lambda r: r["prompt_id"])]


class _StopAfterTokens(TrainerCallback):
    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.num_input_tokens_seen >= self._tokens:
            control.should_training_stop = True
            control.should_save = False  # a run resumed from here would take one more step before it could stop


def _headline(table: pa.Table, prompts: int, steps: int) -> dict[str, float]:
    figures = {
        "prompts": prompts,
        "steps": steps,
        "tokens": int(training_log.last(table, "num_tokens") or 0),
        "seconds": round(training_log.total(table, "seconds"), 1),
    }
    for metric in ("correct", "reward", "zero_variance_share"):
        if (value := training_log.last(table, metric, over=10)) is not None:
            figures[f"{metric} (last 10 steps)"] = round(value, 4)
    for mode in ("team", "solo"):
        if (value := training_log.last(table, f"dev/{mode}/correct")) is not None:
            figures[f"dev {mode} accuracy"] = round(value, 4)
    return figures

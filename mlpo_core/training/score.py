"""SCoRe: the leader learns alone to correct itself, from the tasks and the start that MLPO has (arXiv 2409.12917).

Stage I rewards the second attempt and holds the first where it was; Stage II rewards both. Training ends where MLPO's
did, by optimizer steps or by tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from transformers import TrainerState

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Leader, Prompts, SCoRe
from mlpo_core.models.locate import leader_tokenizer
from mlpo_core.prompts import chat
from mlpo_core.prompts.correction import correction_prompt
from mlpo_core.tasks import task_of
from mlpo_core.training import leader as leaders
from mlpo_core.training.dev_curve import DevCurve, Written
from mlpo_core.training.grpo import Variant, train
from mlpo_core.training.grpo_baseline import Budget, budget_of, solo_prompts
from mlpo_core.training.score_reward import CHANGES
from mlpo_core.training.score_trainer import Correcting, Scheme, ScoreTrainer
from mlpo_core.types import Split

_PANELS = {
    "second attempts (sampled)": CHANGES,
    "right by attempt (sampled)": ("first/correct", "correct"),
    "KL to the reference": ("first/kl", "second/kl"),
}


def run(ctx: Context) -> dict[str, Any]:
    """Train the leader to correct itself; the training log of `mlpo_leader` says how long.

    Raises:
        BadInput: A question with a first answer may not fit the leader's context, and what `train` raises.
    """
    settings, own = ctx.experiment.score, ctx.experiment.prompts
    budget = budget_of(ctx, settings.match)
    if settings.start == "base":
        ctx = replace(ctx, inputs={name: data for name, data in ctx.inputs.items() if name != "sft_leader"})
    matched = settings.model_copy(update={"steps": budget.steps, "beta": max(settings.beta1, settings.beta2)})
    scheme = Scheme(settings.alpha, settings.beta1, settings.beta2, partial(_is_stage_1, settings, budget), own)

    def prepare(trainer: ScoreTrainer) -> None:
        trainer.scheme = scheme

    variant = Variant(ScoreTrainer, prepare, CorrectedCurve, _PANELS)
    return train(ctx, matched, _prompts(ctx, "train"), _prompts(ctx, "dev"), budget.tokens, variant=variant)


class CorrectedCurve(DevCurve):
    """The leader's second attempts at dev prompts: what it answers in the end."""

    def _written(self, model: Any, rows: Sequence[dict[str, Any]]) -> list[Written]:
        first = self._greedy(model, [row["prompt"] for row in rows])
        ask = Correcting(self._tokenizer, *self._read, self._limit, self._own)
        return self._greedy(model, [ask(row, w.text).prompt for row, w in zip(rows, first, strict=True)])


def _is_stage_1(settings: SCoRe, budget: Budget, state: TrainerState) -> bool:
    """Whether the step after this state belongs to Stage I."""
    if budget.tokens is None:
        return state.global_step < settings.stage1_share * budget.steps
    return state.num_input_tokens_seen < settings.stage1_share * budget.tokens


def _prompts(ctx: Context, split: Split) -> Iterator[dict[str, Any]]:
    """The solo prompts of the baseline without a team, each with room for a first answer."""
    leader, own = leaders.leader_section(ctx), ctx.experiment.prompts
    tokenizer = leader_tokenizer(ctx, leader)
    for row in solo_prompts(ctx, split):
        _check_room(row, leader, tokenizer, own)
        yield row


def _check_room(row: dict[str, Any], leader: Leader, tokenizer: Any, own: Prompts) -> None:
    asked = correction_prompt(task_of(row), "", own)
    bare = len(chat.encode(tokenizer, asked, leader.system_prompt, leader.template))
    if (needed := bare + 2 * leader.max_new_tokens) > leader.max_context:
        raise BadInput(
            f"task {row['task_id']} ({row['benchmark']}/{row['subject']}): to correct itself the leader reads question "
            f"and first answer and answers again, which may take {needed} tokens, but leader.max_context is "
            f"{leader.max_context}: raise it, or lower leader.max_new_tokens ({leader.max_new_tokens})"
        )

"""The baseline without a team: GRPO from the same SFT leader on the same hard tasks, as solo prompts.

Matched to MLPO by optimizer steps, or by the tokens that MLPO put through the leader.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from mlpo_core.context import Context
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.tasks import read_tasks
from mlpo_core.training import log as training_log
from mlpo_core.training.grpo import train
from mlpo_core.types import Split, stable_id


def run(ctx: Context) -> dict[str, Any]:
    """Train the leader alone; the training log of `mlpo_leader` says how long."""
    settings = ctx.experiment.grpo
    budget = budget_of(ctx, settings.match)
    matched = settings.model_copy(update={"steps": budget.steps})
    return train(ctx, matched, solo_prompts(ctx, "train"), solo_prompts(ctx, "dev"), budget.tokens)


class Budget(NamedTuple):
    """How long a baseline trains."""

    steps: int
    """MLPO's."""
    tokens: int | None
    """Those that MLPO put through the leader, where they decide; else the steps do."""


def budget_of(ctx: Context, match: Literal["steps", "tokens"]) -> Budget:
    """What the training log of `mlpo_leader` says that it took."""
    log = ctx.inputs["mlpo_leader"].table()
    tokens = int(training_log.last(log, "num_tokens") or 0) if match == "tokens" else None
    return Budget(max(log["step"].to_pylist()), tokens)


def solo_prompts(ctx: Context, split: Split) -> Iterator[dict[str, Any]]:
    """Solo prompts of the tasks that the filter kept, in the columns of `mlpo_dataset`."""
    hard = {row["task_id"] for row in ctx.inputs["hard_tasks"].rows(("task_id", "kept")) if row["kept"]}
    for task in read_tasks(ctx.inputs["tasks"], {split}).values():
        if task.task_id in hard:
            yield {
                "prompt_id": stable_id(task.task_id, "solo"),
                "task_id": task.task_id,
                "benchmark": task.benchmark,
                "split": split,
                "mode": "solo",
                "prompt": leader_prompt(task, (), ctx.experiment.prompts),
                "answer": task.answer,
                "answer_kind": task.answer_kind,
                "choices": list(task.choices),
                "subject": task.subject,
                "question": task.question,
            }

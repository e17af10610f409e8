"""What the leader is shown of its team: sets of proposals, and prompts made of them within the leader's context."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import pyarrow.compute as pc

from mlpo_core import chat, prompts
from mlpo_core.config import Leader
from mlpo_core.errors import BadInput
from mlpo_core.run import Context
from mlpo_core.task_index import TaskIndex
from mlpo_core.types import Task

_COLUMNS = ("task_id", "agent", "sample_index", "proposal_id", "response", "extracted", "correct")


class Proposal(NamedTuple):
    """One agent's answer, as a leader prompt needs it."""

    proposal_id: str
    response: str
    extracted: str | None
    correct: bool


class LeaderPrompt(NamedTuple):
    """A user turn for the leader; `tokens` counts it as the model reads it, template included."""

    prompt: str
    proposal_ids: list[str]
    n_correct: int
    tokens: int


class PromptMaker:
    """Makes leader prompts and counts them with the leader's own tokenizer. Loads no model."""

    def __init__(self, tokenizer: Any, leader: Leader) -> None:
        self._tokenizer = tokenizer
        self._leader = leader
        self._limit = leader.max_context - leader.max_new_tokens

    def make(self, task: Task, proposals: Sequence[Proposal]) -> LeaderPrompt:
        """The prompt that shows these proposals; none is a solo prompt.

        Raises:
            BadInput: It does not leave `leader.max_new_tokens` of `leader.max_context`. Prompts are never cut.
        """
        shown = [prompts.shown(p.response, p.extracted, self._leader) for p in proposals]
        prompt = prompts.leader_prompt(task, shown)
        tokens = self.count_prompt(prompt)
        if tokens > self._limit:
            raise too_long(task, tokens, self._leader)
        return LeaderPrompt(prompt, [p.proposal_id for p in proposals], sum(p.correct for p in proposals), tokens)

    def count_prompt(self, prompt: str) -> int:
        """Tokens of a user turn as the leader reads it."""
        return len(chat.encode(self._tokenizer, prompt))

    def count(self, completion: str) -> int:
        """Tokens of what the leader writes."""
        return len(self._tokenizer(completion, add_special_tokens=False)["input_ids"])


def too_long(task: Task, tokens: int, leader: Leader) -> BadInput:
    """The error for a leader prompt that does not fit."""
    return BadInput(
        f"task {task.task_id} ({task.benchmark}/{task.subject}): its leader prompt has {tokens} tokens, but "
        f"leader.max_context {leader.max_context} less leader.max_new_tokens {leader.max_new_tokens} leaves "
        f"{leader.max_context - leader.max_new_tokens}. Raise leader.max_context, lower proposals.max_new_tokens or "
        "leader.max_new_tokens, or show less of each proposal with leader.information: tail or answers"
    )


def leader_tokenizer(ctx: Context, leader: Leader) -> Any:
    """The base leader's tokenizer."""
    from transformers import AutoTokenizer

    from mlpo_core.base_models import locate

    found = locate(ctx.inputs["base_models"], "leader")
    return AutoTokenizer.from_pretrained(
        found.model, revision=found.revision, trust_remote_code=leader.trust_remote_code
    )


def proposal_sets(
    index: TaskIndex, agents: Sequence[str], task_ids: Collection[str], limit: int
) -> dict[str, dict[int, list[Proposal]]]:
    """The first `limit` proposal sets of these tasks: by task and variant j, the j-th sample of every agent, in order.

    A variant for which an agent has no sample is left out.
    """
    found: dict[tuple[str, int, str], Proposal] = {}
    for batch in index.batches(task_ids, _COLUMNS):
        for row in batch.filter(pc.less(batch.column("sample_index"), limit)).to_pylist():
            found[row["task_id"], row["sample_index"], row["agent"]] = Proposal(
                row["proposal_id"], row["response"], row["extracted"], row["correct"]
            )
    variants: dict[str, dict[int, list[Proposal]]] = {}
    for task, j in sorted({(task, j) for task, j, _ in found}):
        chosen = [found.get((task, j, agent)) for agent in agents]
        complete = [p for p in chosen if p is not None]
        if len(complete) == len(agents):
            variants.setdefault(task, {})[j] = complete
    return variants


def hard_train_tasks(ctx: Context, tasks: Collection[str]) -> list[str]:
    """Ids of the training tasks that the filter kept, sorted.

    Raises:
        BadInput: None are left.
    """
    rows = ctx.inputs["hard_tasks"].rows(["task_id", "split", "kept"])
    kept = sorted(r["task_id"] for r in rows if r["kept"] and r["split"] == "train" and r["task_id"] in tasks)
    if not kept:
        raise BadInput(
            "hard_tasks: the filter kept no training task. Raise filter.max_correct_rate, lower "
            "filter.min_correct_rate, or give more training tasks (tasks.*.train)"
        )
    return kept


def spread(position: int, share: float) -> bool:
    """Whether the item at `position` belongs to a share spread evenly over a sequence: exact for any prefix, to one."""
    return int((position + 1) * share + 1e-9) > int(position * share + 1e-9)

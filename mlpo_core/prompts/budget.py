"""Leader prompts within the leader's context: made whole, counted by its own tokenizer, never cut."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Leader
from mlpo_core.prompts import chat
from mlpo_core.prompts.leader import leader_prompt, shown
from mlpo_core.types import Task


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
        texts = [shown(p.response, p.extracted, self._leader) for p in proposals]
        prompt = leader_prompt(task, texts)
        tokens = self.count_prompt(prompt)
        if tokens > self._limit:
            raise too_long(task, tokens, self._leader)
        return LeaderPrompt(prompt, [p.proposal_id for p in proposals], sum(p.correct for p in proposals), tokens)

    def count_prompt(self, prompt: str) -> int:
        """Tokens of a user turn as the leader reads it."""
        return len(chat.encode(self._tokenizer, prompt))

    def count(self, completion: str) -> int:
        """Tokens of what the leader writes, without a `<think>` that its template opens in the prompt."""
        written = chat.continuation(chat.opening(self._tokenizer), completion)
        return len(self._tokenizer(written, add_special_tokens=False)["input_ids"])


def too_long(task: Task, tokens: int, leader: Leader) -> BadInput:
    """The error for a leader prompt that does not fit."""
    return BadInput(
        f"task {task.task_id} ({task.benchmark}/{task.subject}): its leader prompt has {tokens} tokens, but "
        f"leader.max_context {leader.max_context} less leader.max_new_tokens {leader.max_new_tokens} leaves "
        f"{leader.max_context - leader.max_new_tokens}. Raise leader.max_context, lower proposals.max_new_tokens or "
        "leader.max_new_tokens, or show less of each proposal with leader.information: tail or answers"
    )

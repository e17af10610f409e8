"""Leader prompts within the leader's context: counted by its own tokenizer, never cut but by `leader.shorten`."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from mlpo_core.errors import BadInput
from mlpo_core.experiment import STANDARD, Leader, Prompts
from mlpo_core.prompts import chat
from mlpo_core.prompts.leader import leader_prompt, shown, stated, with_absent
from mlpo_core.types import Task, stable_seed

_LEAST = 40
"""Characters of every proposal below which a prompt is not shortened: they would hardly hold an answer."""
_REMEMBERED = 1024
"""Prompts that several leaders read are made to fit once."""


class Proposal(NamedTuple):
    """One agent's answer, as a leader prompt needs it."""

    proposal_id: str
    response: str
    extracted: str | None
    correct: bool


class LeaderPrompt(NamedTuple):
    """A user turn for the leader.

    Attributes:
        prompt: The turn.
        proposal_ids: The proposals that it shows.
        n_correct: How many of them are right.
        tokens: As the model reads it, with template and system message.
        shortened: How it was made to fit: empty, `tail:CHARACTERS` (of every proposal) or `answers`.
    """

    prompt: str
    proposal_ids: list[str]
    n_correct: int
    tokens: int
    shortened: str


class Fitted(NamedTuple):
    """A leader prompt, its tokens, and how it was shortened (see `LeaderPrompt`)."""

    prompt: str
    tokens: int
    shortened: str


class Answered(Protocol):
    """What stands in a leader prompt: a proposal, or a later answer."""

    @property
    def response(self) -> str: ...

    @property
    def extracted(self) -> str | None: ...


_A = TypeVar("_A", bound=Answered)


class PromptMaker:
    """Makes leader prompts and counts them with the leader's own tokenizer. Loads no model.

    Answers come in the team's order and are shown in that of `leader.seats`.

    Args:
        tokenizer: The leader's.
        leader: Its settings.
        seed: The experiment's, by which shuffled seats are drawn.
        own: The experiment's templates.
        limit: Tokens that a prompt may take; by default what the settings leave.
    """

    def __init__(
        self, tokenizer: Any, leader: Leader, seed: int, own: Prompts = STANDARD, limit: int | None = None
    ) -> None:
        self._seed = seed
        self._tokenizer = tokenizer
        self._leader = leader
        self._own = own
        self.limit = leader.max_context - leader.max_new_tokens if limit is None else limit
        self._known: dict[str, Fitted] = {}

    def make(self, task: Task, proposals: Sequence[Proposal]) -> LeaderPrompt:
        """The prompt that shows these proposals; none is a solo prompt.

        Raises:
            BadInput: It does not leave `leader.max_new_tokens` of `leader.max_context`, as short as `leader.shorten`
                may make it.
        """
        proposals = self.seated(task, proposals)
        fitted = self._fitted(task, proposals, 0)
        if fitted.tokens > self.limit:
            raise too_long(task, fitted.tokens, self._leader)
        ids = [p.proposal_id for p in proposals]
        return LeaderPrompt(fitted.prompt, ids, sum(p.correct for p in proposals), fitted.tokens, fitted.shortened)

    def fit(self, task: Task, answers: Sequence[Answered], asked: int = 0) -> Fitted:
        """The prompt that shows these answers, made to fit as far as `leader.shorten` says; it may still be too long.

        Args:
            task: The task.
            answers: The team's, in its order; none is a solo prompt.
            asked: How many agents were asked: where fewer answered, the prompt says so.
        """
        return self._fitted(task, self.seated(task, answers), asked)

    def _fitted(self, task: Task, answers: Sequence[Answered], asked: int) -> Fitted:
        whole = self.show(task, self._texts(answers), asked)
        if (found := self._known.get(whole)) is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[whole] = self._fit(task, answers, asked, whole)
        return found

    def seated(self, task: Task, answers: Sequence[_A]) -> list[_A]:
        """Answers in the order in which a prompt shows them: for the same ones always the same."""
        shown = list(answers)
        if self._leader.seats == "shuffled":
            drawn = stable_seed("seats", self._seed, task.task_id, [answer.response for answer in answers])
            random.Random(drawn).shuffle(shown)  # noqa: S311 - nothing is kept secret by it
        return shown

    def written(self, task: Task, answers: Sequence[Answered], asked: int = 0) -> tuple[str, str]:
        """The prompt of `fit`, and how it was shortened; nothing is counted where nothing may be shortened."""
        if self._leader.shorten == "none":
            return self.show(task, self._texts(self.seated(task, answers)), asked), ""
        fitted = self.fit(task, answers, asked)
        return fitted.prompt, fitted.shortened

    def show(self, task: Task, texts: Sequence[str], asked: int = 0) -> str:
        """The prompt that shows these texts, however long."""
        if self._leader.information == "votes":
            return leader_prompt(task, texts, self._own, votes=True)
        return with_absent(task, leader_prompt(task, texts, self._own), len(texts), asked, self._own)

    def _texts(self, answers: Sequence[Answered]) -> list[str]:
        return [shown(a.response, a.extracted, self._leader) for a in answers]

    def _fit(self, task: Task, answers: Sequence[Answered], asked: int, whole: str) -> Fitted:
        fitted = Fitted(whole, self.count_prompt(whole), "")
        if fitted.tokens <= self.limit or not answers or self._leader.shorten == "none":
            return fitted
        if self._leader.shorten == "answers":
            return self._shown(task, [stated(a.extracted) for a in answers], asked, "answers")
        texts = self._texts(answers)
        least, most = _LEAST, max(map(len, texts))
        fitted = self._tails(task, texts, asked, least)
        while most - least > 1:  # `least` fits, or nothing does; `most` does not
            middle = (least + most) // 2
            tried = self._tails(task, texts, asked, middle)
            if tried.tokens <= self.limit:
                fitted, least = tried, middle
            else:
                most = middle
        return fitted

    def _tails(self, task: Task, texts: Sequence[str], asked: int, characters: int) -> Fitted:
        return self._shown(task, [text[-characters:] for text in texts], asked, f"tail:{characters}")

    def _shown(self, task: Task, texts: Sequence[str], asked: int, how: str) -> Fitted:
        prompt = self.show(task, texts, asked)
        return Fitted(prompt, self.count_prompt(prompt), how)

    def count_prompt(self, prompt: str) -> int:
        """Tokens of a user turn as the leader reads it."""
        return len(chat.encode(self._tokenizer, prompt, self._leader.system_prompt, self._leader.template))

    def count(self, completion: str) -> int:
        """Tokens of what the leader writes, without a `<think>` that its template opens in the prompt."""
        written = chat.continuation(chat.opening(self._tokenizer, self._leader.template), completion)
        return len(self._tokenizer(written, add_special_tokens=False)["input_ids"])


def too_long(task: Task, tokens: int, leader: Leader) -> BadInput:
    """The error for a leader prompt that does not fit."""
    return BadInput(
        f"task {task.task_id} ({task.benchmark}/{task.subject}): its leader prompt has {tokens} tokens, but "
        f"leader.max_context {leader.max_context} less leader.max_new_tokens {leader.max_new_tokens} leaves "
        f"{leader.max_context - leader.max_new_tokens}. Raise leader.max_context, lower proposals.max_new_tokens or "
        "leader.max_new_tokens, show less of each proposal with leader.information: tail or answers, or have prompts "
        "that do not fit shortened with leader.shorten: tail or answers"
    )

"""What a method is: a way of answering test tasks, with the cost of every answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from mlpo_core.experiment import Experiment
from mlpo_core.methods.evidence import History, Shard


class Answer(NamedTuple):
    """A method's final answer to one task.

    Attributes:
        task: Position of the task in its shard.
        source_ids: The proposals or generations that it was made of.
        response: The final text.
        extracted: The answer read out of it.
        correct: Whether that equals the gold answer.
        generations: Model calls that it cost; the next four are sums over those calls, None where one was not recorded.
        prompt_tokens: Tokens read.
        cached_prompt_tokens: Of them served from a prefix cache.
        completion_tokens: Tokens written.
        amortised_s: Seconds: batch wall time over rows.
        rounds: T, for methods that take rounds.
        tie: Whether a vote was tied and drawn by seed.
        chance: Of a vote to be right before its tie is drawn; None where nobody voted on answers.
        n_correct_shown: Right answers among the K that were voted on or shown to the leader; -1 when none were.
    """

    task: int
    source_ids: list[str]
    response: str
    extracted: str | None
    correct: bool
    generations: int
    prompt_tokens: int | None
    cached_prompt_tokens: int | None
    completion_tokens: int | None
    amortised_s: float | None
    rounds: int = 0
    tie: bool = False
    chance: float | None = None
    n_correct_shown: int = -1


class Seed(NamedTuple):
    """An evaluation seed and its position in `benchmark.seeds`: it decides which of an agent's samples stand for it."""

    value: int
    position: int


Predictor = Callable[[Shard, Seed], Iterator[Answer]]
"""Answers every task of a shard, once per T."""


@dataclass(frozen=True)
class Dialogue:
    """The T-round run that a generating method needs.

    Attributes:
        leader: Asset whose checkpoint writes after every round (`base_models` is the untrained leader), or None.
        seats: Agent of every seat; empty for a leader that answers alone.
        revise: What a seat reads when it revises its answer: the leader's output, or the other seats' answers.
        talk: Name under which the seats' revisions are stored. Methods that share it share the generations.
        one_agent: The seats are different samples of one agent.
        attacked: One seat tries to instruct the leader (`benchmark.attack`); one round.
        defers: The leader names a seat, whose answer is then its own; one round.
        votes: How often the leader writes, sampled; above 0 one round, and its answers are voted on.
        greedy: The seats answer anew, greedily, instead of by their proposals; nobody reads it.
        attempts: How often the leader answers alone: from the second time on it reads what it wrote before.
    """

    leader: str | None
    seats: tuple[str, ...]
    revise: Literal["leader", "peers"]
    talk: str
    one_agent: bool = False
    attacked: bool = False
    defers: bool = False
    votes: int = 0
    greedy: bool = False
    attempts: int = 1

    def rounds(self, experiment: Experiment) -> int:
        """How many rounds are run: agents whose responses are recorded cannot revise them. An attempt is one."""
        if self.attempts > 1:
            return self.attempts
        recorded = any(a.model.startswith("recorded:") for a in experiment.team.agents if a.name in self.seats)
        once = recorded or not self.seats or self.attacked or self.defers or self.votes or self.greedy
        return 1 if once else experiment.inference.rounds

    def sample(self, seed: Seed, seat: int, samples: int) -> int:
        """Which of its agent's samples is a seat's answer in round 0."""
        return (seed.position * len(self.seats) + seat if self.one_agent else seed.position) % samples


class Method(Protocol):
    """One way of answering. The same tasks, grader and accounting for all."""

    @property
    def name(self) -> str:
        """Full name, as in the column `method`."""
        ...

    @property
    def dialogue(self) -> Dialogue | None:
        """What must be generated for it; None for a method that reads the proposals alone."""
        ...

    def unavailable(self, experiment: Experiment, samples: int) -> str | None:
        """Why it cannot answer from `samples` proposals of every agent per task, or None."""
        ...

    def fit(self, history: History) -> Predictor:
        """Whatever it learns from train and dev tasks; returns what answers test tasks."""
        ...

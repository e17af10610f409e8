"""An answer, and what was behind it: the team's answers of every round, and what every member spent."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mlpo_core.serving.thinking import Parts, split


class Call(NamedTuple):
    """One generation.

    Attributes:
        member: Name of the agent, or `leader`.
        round: 0-based.
        text: What it wrote.
        prompt_tokens: Read.
        completion_tokens: Written.
        seconds: From when it was asked to when it had answered, waiting for the engine included.
    """

    member: str
    round: int
    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Absent(NamedTuple):
    """An agent that did not answer in a round, and why."""

    member: str
    round: int
    why: str


@dataclass
class Usage:
    """What a member spent; `seconds` are those of its calls, which overlap with others'."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        self.prompt_tokens += call.prompt_tokens
        self.completion_tokens += call.completion_tokens
        self.seconds += call.seconds


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        text: The final answer as it was written, the think part included.
        finish_reason: `length` where it was cut off.
        calls: Every generation behind it, in the order of rounds.
        absent: Agents that did not answer.
        seconds: Of the whole.
        agents_s: Of the rounds' parts in which agents answered.
        leader_s: Of those in which the leader did.
        stop: Texts before which the content ends.
    """

    text: str
    finish_reason: Literal["stop", "length", "error"]
    calls: list[Call]
    absent: list[Absent] = field(default_factory=list[Absent])
    seconds: float = 0.0
    agents_s: float = 0.0
    leader_s: float = 0.0
    stop: tuple[str, ...] = ()

    @property
    def parts(self) -> Parts:
        """What was thought and what is answered."""
        return split(self.text, self.stop)

    @property
    def members(self) -> dict[str, Usage]:
        """What every member spent, in the order in which they first answered."""
        found: dict[str, Usage] = {}
        for call in self.calls:
            found.setdefault(call.member, Usage()).add(call)
        return found

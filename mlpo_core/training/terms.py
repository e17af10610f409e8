"""The terms of the reward: the two built in, and functions of an experiment's own.

An own term is `function(completions) -> values`: one finite number per `Completion`, in their order. It is called with
all completions of a process's step, and with those of the dev prompts.
"""

import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import RL, GRPOBaseline, SCoRe
from mlpo_core.experiment.training import BUILT_IN_TERMS
from mlpo_core.plugins import REWARDS, load
from mlpo_core.types import Task


class Completion(NamedTuple):
    """What the leader wrote, as a term of the reward sees it.

    Attributes:
        task: What was asked, with its gold answer.
        mode: `team` where the prompt showed the team's answers, else `solo`.
        text: All that the leader wrote.
        answer: What of it was graded: the last `<answer>`, or what stands outside of the thinking.
        marked: Whether that stood in `<answer>`.
        correct: Whether it is right.
        well_formed: Whether the text is a thought and then an answer, and nothing else.
        cut_off: Whether it ran into the length limit.
    """

    task: Task
    mode: str
    text: str
    answer: str
    marked: bool
    correct: bool
    well_formed: bool
    cut_off: bool


class Own(NamedTuple):
    """A term of the experiment's own."""

    name: str
    weight: float
    field: str
    """The setting that names it, for errors."""
    function: Callable[[Sequence[Completion]], Any]

    def values(self, completions: Sequence[Completion]) -> list[float]:
        """One number per completion.

        Raises:
            BadInput: It fails, or gives something else.
        """
        try:
            found = list(self.function(completions))
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            raise self._wrong(f"failed: {type(error).__name__}: {error} ({at.filename}, line {at.lineno})") from error
        if len(found) != len(completions):
            raise self._wrong(f"gave {len(found)} values for {len(completions)} completions")
        return [self._number(value, completion) for value, completion in zip(found, completions, strict=True)]

    def _number(self, value: Any, completion: Completion) -> float:
        try:
            number = math.nan if isinstance(value, str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self._wrong(f"gave {value!r:.80} for a completion of task {completion.task.task_id}")
        return number

    def _wrong(self, problem: str) -> BadInput:
        return BadInput(f"{self.field}: {self.name}: {problem}. A reward gives one finite number per completion")


class Terms(NamedTuple):
    """What a reward is made of: the weights of what is built in, 0 where it is left out, and the own terms."""

    correct: float
    format: float
    own: tuple[Own, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Under which names the means of the own terms are logged."""
        return tuple(f"reward/{own.name}" for own in self.own)

    def own_values(self, completions: Sequence[Completion]) -> list[tuple[float, ...]]:
        """By completion, what the own terms give, before their weights. Raises what `Own.values` does."""
        columns = [own.values(completions) for own in self.own]
        return [tuple(column[i] for column in columns) for i in range(len(completions))]


def terms_of(settings: RL) -> Terms:
    """The terms that a leader is trained with.

    Raises:
        BadInput: A term of its own cannot be found.
    """
    sections: dict[type[RL], str] = {GRPOBaseline: "grpo", SCoRe: "score"}
    section = sections.get(type(settings), "mlpo")
    weights: dict[str, float] = {}
    own: list[Own] = []
    for i, term in enumerate(settings.reward):
        for name, weight in ({term: None} if isinstance(term, str) else term).items():
            if name in BUILT_IN_TERMS:
                standard = settings.format_weight if name == "format" else 1.0
                weights[name] = standard if weight is None else weight
            else:
                field = f"{section}.reward.{i}"
                own.append(Own(name, 1.0 if weight is None else weight, field, load(name, field, REWARDS)))
    return Terms(weights.get("correct", 0.0), weights.get("format", 0.0), tuple(own))

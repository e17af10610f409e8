"""What each of two attempts earns: its own reward, and in Stage II the second what it made of the first besides.

Also how the second attempt differs: a leader that learns to copy its first answer is what SCoRe guards against.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpo_core.training.rewards import Judged, Reward

CHANGES = ("second/differs", "second/corrects", "second/spoils")
"""Metrics, as shares of all pairs of attempts: the second says something else; it makes right what was wrong; it makes
wrong what was right."""


class Attempt(NamedTuple):
    """A first attempt: what was written, and what the reward found in it."""

    text: str
    judged: Judged


class TurnReward:
    """TRL's reward function for both turns. A row of the second has the first attempt (`before`) and `alpha`.

    The shares of right answers are logged as `first/correct` and, of what is answered in the end, `correct`.
    """

    __name__ = "reward"

    def __init__(self, reward: Reward) -> None:
        self._reward = reward
        self.attempts: Sequence[Attempt] = ()
        """Of the last call, in its order."""

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None],
        before: Sequence[Attempt] = (),
        alpha: Sequence[float] = (),
        shortened: Sequence[bool] = (),
        **columns: Any,
    ) -> list[float]:
        """One reward per completion, shaped where `before` says what stood before it."""

        def logged(name: str, value: float) -> None:
            log_metric(name if before else f"first/{name}", value)

        self._reward(prompts, completions, logged, **columns)
        found = [scored.judged for scored in self._reward.scored]
        self.attempts = [Attempt(c[0]["content"], j) for c, j in zip(completions, found, strict=True)]
        earned = [j.reward for j in found]
        if not before:
            return earned
        pairs = [(first.judged, second) for first, second in zip(before, found, strict=True)]
        for name, share in zip(CHANGES, changes(pairs), strict=True):
            log_metric(name, share)
        log_metric("second/shortened", sum(shortened) / len(shortened))
        return [shaped(first.reward, second.reward, a) for (first, second), a in zip(pairs, alpha, strict=True)]


def shaped(first: float, second: float, alpha: float) -> float:
    """What the second attempt earns: r2 + alpha · (r2 - r1)."""
    return second + alpha * (second - first)


def changes(pairs: Sequence[tuple[Judged, Judged]]) -> tuple[float, float, float]:
    """The shares of `CHANGES` among pairs of attempts."""
    differs = sum(first.region.text != second.region.text for first, second in pairs)
    corrects = sum(second.correct and not first.correct for first, second in pairs)
    spoils = sum(first.correct and not second.correct for first, second in pairs)
    return differs / len(pairs), corrects / len(pairs), spoils / len(pairs)

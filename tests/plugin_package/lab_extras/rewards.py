"""A term of the reward: right answers are worth more the shorter they are."""

from collections.abc import Sequence

from mlpo_core.training.terms import Completion

LONG = 400
"""Characters from which on a text is not short."""


def brevity(completions: Sequence[Completion]) -> list[float]:
    """1 for nothing written, 0 for a long text or a wrong answer."""
    return [c.correct * max(0.0, 1 - len(c.text) / LONG) for c in completions]

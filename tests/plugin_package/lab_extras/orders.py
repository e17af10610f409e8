"""An order of training: short prompts first."""

from mlpo_core.training.curriculum import Shown


def short_first(shown: Shown) -> int:
    """Tokens of the prompt."""
    return shown.tokens

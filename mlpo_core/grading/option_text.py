"""Recognise an option by its text."""

import functools
import re
from collections.abc import Sequence

from mlpo_core.grading.exact import normalise

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def exact_text(text: str, choices: Sequence[str]) -> str | None:
    """The letter of the only option whose text this is."""
    said = normalise(text) if choices and len(text) < 2_000 else ""
    same = [i for i, choice in enumerate(choices[: len(LETTERS)]) if said and _known(choice) == said]
    return LETTERS[same[0]] if len(same) == 1 else None


def several_texts(text: str, choices: Sequence[str]) -> bool:
    """Whether a text contains the texts of more options than one."""
    said = normalise(text)
    return sum(bool(_known(choice)) and _contains(said, _known(choice)) for choice in choices[: len(LETTERS)]) > 1


def option_text(text: str, choices: Sequence[str]) -> str | None:
    """The letter of the option whose text this is, or the only one that it contains."""
    if not choices:
        return None
    said = normalise(text)
    known = [_known(choice) for choice in choices[: len(LETTERS)]]
    same = [i for i, choice in enumerate(known) if choice and choice == said]
    if not same:
        within = [i for i, choice in enumerate(known) if choice and _contains(said, choice)]
        # "Venus and Mars" contains the option "Mars" too: an option inside another that is there does not count.
        same = [i for i in within if not any(i != j and known[i] != known[j] and known[i] in known[j] for j in within)]
    return LETTERS[same[0]] if len(same) == 1 else None


@functools.lru_cache(100_000)
def _known(choice: str) -> str:
    return normalise(choice)


def _contains(said: str, choice: str) -> bool:
    start = said.find(choice)
    while start >= 0:
        end = start + len(choice)
        before, after = said[start - 1 : start], said[end : end + 2]
        if not (before.isalnum() or (before in "-.$" and before)) and not (
            after[:1].isalnum() or re.match(r"[.,]\d", after)
        ):
            return True
        start = said.find(choice, start + 1)
    return False

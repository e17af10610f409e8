"""What a reward should not pay for: answers that name several, that repeat what the prompt shows, that are cut off.

Looks at words, not at the verdict: the grader refuses most of these, and this is how one would see that it no longer
does. It errs on the side of naming too much. What counts is whether a share grows, which `checks.leaders` tests.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.grading.extract import statements
from mlpo_core.prompts.leader import answers_shown
from mlpo_core.training.answer_region import Region
from mlpo_core.types import LETTERS

_SHORTEST_QUESTION = 12
_SHORTEST_ANSWER = 40
"""Characters from which on repeating is no chance: a question in an answer, and the sentence that states an answer."""
_HEDGE = re.compile(
    r"\b(?:or|and/or|either|both|alternatively|maybe|perhaps|possibly|probably|unsure|not\s+sure|between|approximately"
    r"|(?:could|might|may)\s+(?:also\s+)?be)\b|\d\s?[–~]\s?\d|\\text\{\s?or\s?\}",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![\w'’(])\(?([A-Z])(?=[).:,;/&|]|\s(?:or|and)\b|\s{0,3}$)")


class Audited(NamedTuple):
    """What is suspicious about a completion; the order is that of `store.schemas.AUDIT`."""

    hedged: bool
    pasted: bool
    cut_off: bool


def audit(row: dict[str, Any], region: Region, cut_off: bool, own: Prompts = STANDARD) -> Audited:
    """Look at what the reward read of a completion.

    Args:
        row: Of `mlpo_dataset`.
        region: Where the reward read the completion's answer.
        cut_off: Whether the completion ran into the length limit.
        own: The experiment's templates, by which the team's answers are found in its prompt.
    """
    return Audited(_hedged(row, region), _pasted(row, region, own), cut_off)


def _hedged(row: dict[str, Any], region: Region) -> bool:
    """Whether the answer names more than one, in words of doubt, as letters, or in several tags that differ."""
    if len(set(map(_squashed, region.answers))) > 1:
        return True
    place = statements(region.response)[0]
    stated = place.text if place.explicit else place.text.rsplit("\n", 1)[-1]
    letters = {letter for letter in _LETTER.findall(stated) if letter in _options(row)}
    for choice in sorted(row["choices"], key=len, reverse=True):  # their own words are no doubt
        stated = stated.replace(choice, " ")
    return len(letters) > 1 or bool(_HEDGE.search(stated) and not _HEDGE.search(row["answer"]))


def _options(row: dict[str, Any]) -> str:
    if row["answer_kind"] != "option":
        return ""
    return LETTERS[: len(row["choices"])] if row["choices"] else LETTERS


def _pasted(row: dict[str, Any], region: Region, own: Prompts) -> bool:
    """Whether the answer holds the whole question, or a whole answer of the team that is longer than a statement."""
    said = _squashed(region.text)
    return _holds(said, [row["question"]], _SHORTEST_QUESTION) or _holds(
        said, answers_shown(row["prompt"], own), _SHORTEST_ANSWER
    )


def _holds(said: str, texts: Sequence[str], shortest: int) -> bool:
    return any(len(text) >= shortest and text in said for text in map(_squashed, texts))


def _squashed(text: str) -> str:
    return " ".join(text.split()).casefold()

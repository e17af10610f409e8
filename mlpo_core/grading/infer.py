"""Infer how an answer is compared from the benchmark and the gold answer."""

import re
from collections.abc import Sequence

from mlpo_core.grading.option import letter_of
from mlpo_core.types import InferredKind

_LETTER = re.compile(r"\(?[A-Z]\)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


def infer_kind(benchmark: str, answer: str, choices: Sequence[str] = ()) -> InferredKind:
    """The answer kind of a gold answer.

    MMLU and MMLU-Pro are `option`, MATH is `math`. Elsewhere (BBH mixes kinds) a letter or the text of a choice is
    `option`, digits are `number`, and the rest is `exact`.
    """
    if benchmark in ("mmlu", "mmlu_pro"):
        return "option"
    if benchmark == "math":
        return "math"
    answer = answer.strip()
    if _LETTER.fullmatch(answer) or (choices and letter_of(answer, choices)):
        return "option"
    return "number" if _NUMBER.fullmatch(answer) else "exact"

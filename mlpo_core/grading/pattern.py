"""Grade answers by a pattern: the stated answer as a whole has to match a regular expression.

How long a pattern may take over an answer is limited as everything in a worker is: by its processor time.
"""

import re
from functools import lru_cache

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.stated import stated, undressed
from mlpo_core.types import Verdict

LONGEST_PATTERN = 1_000
LONGEST_ANSWER = 4_000
"""Characters of an answer that may match; a longer one is no answer but a text that has it somewhere."""
_SHOWN = 1_000
_NO_ANSWERS = ("", " ", "?", "x", "(no answer)")


def grade_pattern(gold: str, response: str, question: str = "") -> Verdict:
    """Whether what a response states as its answer matches the pattern, from its first character to its last."""
    said = stated(without_question(response, question))
    if said is None:
        return Verdict(None, False)
    pattern, forms = _compiled(gold), undressed(said)
    if len(said) <= LONGEST_ANSWER:
        for form in forms:
            if form and pattern.fullmatch(form):
                return Verdict(form[:_SHOWN], True)
    return Verdict((forms[1] if len(forms) > 1 else forms[0])[:_SHOWN], False)


def problem(gold: str) -> str | None:
    """Why a text cannot be the pattern of an answer; None where it can."""
    if len(gold) > LONGEST_PATTERN:
        return f"a pattern of {len(gold)} characters; at most {LONGEST_PATTERN}"
    try:
        pattern = _compiled(gold)
    except (re.error, OverflowError, RecursionError) as error:
        return f"no regular expression of Python: {error}"
    if all(pattern.fullmatch(text) for text in _NO_ANSWERS[1:]) or pattern.fullmatch(""):
        return "a pattern that matches what is no answer, such as an empty one"
    return None


@lru_cache(1024)
def _compiled(gold: str) -> re.Pattern[str]:
    return re.compile(gold)

"""Whether an answer leaves to its reader what the task asks for: an operation, or another form than the question's."""

import re

from mlpo_core.grading.latex import normalise, rational

_OPERATORS = re.compile(
    r"\\(int|sum|prod|lim|[dt]?binom|choose|det|gcd|lcm|max|min|sup|inf|[bp]?mod|lfloor|lceil|log|ln|lg|Pr|arg|deg|nabla|partial)(?![A-Za-z])"
    r"|\\begin\{(vmatrix)\}|(?<=[\w)}])\s?(!)(?!=)|(?<![A-Za-z\\])(gcd|lcm|max|min|mod|det|choose|floor|ceil)(?![A-Za-z])"
)
_SCIENTIFIC = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?\s?\\(?:cdot|times)\s?10\^\{?-?\d{1,3}\}?")
_SUM = re.compile(r"[\d)}]\s*(?:[+*]|-|\\(?:cdot|times|div)(?![A-Za-z]))\s*[\d(\\{.-]")
_SIZE = re.compile(r"\|\{?-?\d[\d.]{0,30}\}?\|")
_PRODUCT_OF_SUMS = re.compile(
    r"\([^()]{1,200}?[+-][^()]{1,200}\)\s?(?:\^|\(|\\cdot|[A-Za-z])|(?:[\w})]|\\cdot)\s?\([^()]{1,200}?[+-][^()]{1,200}\)"
)


def unevaluated(reading: str, wanted: str, question: str = "") -> bool:
    """Whether an answer equals the gold one only after its own evaluation, and the gold answer has no such form.

    Args:
        reading: The answer, normalised.
        wanted: The gold answer, normalised.
        question: The task's question, as published; empty where it is not known.
    """
    if _operators(reading) - _operators(wanted):
        return True
    number = rational(wanted) is not None
    if "|" not in wanted and _SIZE.search(reading):
        return True
    if number and _SUM.search(reading.lstrip("- ")) and not _SCIENTIFIC.fullmatch(reading) and "," not in reading:
        return True
    return bool(question) and not number_like(reading) and _as_asked(reading, wanted, question)


def number_like(text: str) -> bool:
    """Whether a text is a number, or a word or letter: what may stand in a question and be its answer."""
    return rational(text) is not None or re.fullmatch(r"[\w\s.,:-]*", text) is not None


def _operators(text: str) -> set[str]:
    found = (next(group for group in m.groups() if group) for m in _OPERATORS.finditer(text))
    found = ("log" if name in ("ln", "lg") else name for name in found)
    return {name.removeprefix("d").removeprefix("t") if name.endswith("binom") else name for name in found}


def _as_asked(reading: str, wanted: str, question: str) -> bool:
    asked = re.sub(r"\s", "", normalise(question))
    if re.sub(r"\s", "", reading) in asked:
        return True
    verbs = question.lower()
    if re.search(r"\b(?:expand|multiply\sout)|\bexpanded\b", verbs):
        return bool(_PRODUCT_OF_SUMS.search(reading)) and not _PRODUCT_OF_SUMS.search(wanted)
    if re.search(r"\bfactor\s(?:the|completely|\$|\\)|\bfactored\b", verbs):
        return bool(_PRODUCT_OF_SUMS.search(wanted)) and not _PRODUCT_OF_SUMS.search(reading)
    return False

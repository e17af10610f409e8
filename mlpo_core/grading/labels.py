"""Read yes/no, True/False and valid/invalid: the label that a statement settles on, negations and hedges included."""

import re
import unicodedata

from mlpo_core.grading.extract import answers_several, is_cut_off, statements
from mlpo_core.grading.hedges import denied, main_clause

LABELS: tuple[tuple[str, str], ...] = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
_NO = (
    r"no(?=\s{0,2}(?:[^\w\s]|$)|\s(?:or|and)\b)"
    r"|(?<![\w\s]\s)(?<!\w\s)(?<!\w)no(?=\s(?:it|this|the|that|they|there|he|she)\b)"
)
"""The verdict "no", and not the word in "no reason"."""
_WORDS = {("yes", "no"): rf"yes|{_NO}", ("true", "false"): r"true|false", ("valid", "invalid"): r"invalid|valid"}
_PATTERNS = {labels: re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE) for labels, words in _WORDS.items()}
_PLAUSIBLE = re.compile(
    r"\b(?:(not|isn't|un|im|in)[\s-]?)?(?:(?:very|a|entirely|really|actually)\s){0,2}plausible\b", re.IGNORECASE
)
"""A question whether something is plausible is often answered without saying yes or no (BBH, sports_understanding)."""
_NOT_VALID = re.compile(
    r"\b(?:not|isn['’]t|neither|never|cannot|can['’]t|far\sfrom|wrong\sto|hardly|no\slonger|fails\sto)\b,?\s(?:[\w,]{1,20}\s){0,4}?(valid|invalid)\b",
    re.IGNORECASE,
)
_RESULT = re.compile(r"=|\bis\b|\bevaluates\sto\b|\bequals\b", re.IGNORECASE)
_SEVERAL = ""


def read_label(response: str, labels: tuple[str, str]) -> str | None:
    """The label that a response states; None where it states none, or both."""
    *marked, whole = statements(response)
    stated = [found for place in marked if (found := _stated(place.text, labels)) is not None]
    if stated and stated[0] != stated[-1] and (answers_several(response) or is_cut_off(whole.text)):
        return None  # which of them answers our question cannot be told
    if stated:
        return stated[0] or None
    if whole.explicit and (found := _stated(whole.text, labels)) is not None:
        return found or None
    return None if answers_several(response) else _concluded(whole.text, labels)


def _stated(text: str, labels: tuple[str, str]) -> str | None:
    text = unicodedata.normalize("NFKC", text)
    if labels[0] == "true":
        settled = _RESULT.split(text)[-1]
        return _SEVERAL if denied(settled) else _one_of(settled, labels) or _one_of(text, labels)
    if labels[0] == "yes" and denied(text) and _PATTERNS[labels].search(text):
        return _SEVERAL
    found = _one_of(main_clause(text), labels)
    return _one_of(text, labels) if found is None else found


def _one_of(text: str, labels: tuple[str, str]) -> str | None:
    """The only label in a text, after its negation; `_SEVERAL` where it has both."""
    if labels[0] == "valid":
        if re.search(r"\bneither\s(?:in)?valid\snor\s(?:in)?valid\b", text, re.IGNORECASE):
            return _SEVERAL
        text = _NOT_VALID.sub(lambda m: "invalid" if m.group(1).lower() == "valid" else "valid", text)
    named = {word.casefold() for word in _PATTERNS[labels].findall(text)}
    return None if not named else named.pop() if len(named) == 1 else _SEVERAL


def _concluded(text: str, labels: tuple[str, str]) -> str | None:
    """The label in the last lines of a text that marks no answer."""
    if is_cut_off(text):
        return None
    lines = [line for line in text.split("\n") if line.strip()]
    if {line.strip(" -*•.").casefold() for line in lines[-2:]} == set(labels):
        return None  # the options, listed
    for line in lines[:-4:-1]:
        found = _last_of(line, labels)
        if found is not None:
            return found or None
        if labels[0] == "yes" and (judged := _PLAUSIBLE.findall(line)):
            return "no" if judged[-1] else "yes"
    return None


def _last_of(line: str, labels: tuple[str, str]) -> str | None:
    """The label of the last sentence of a line that has one, in its main clause if there."""
    if labels[0] == "true":
        settled = _RESULT.split(line)[-1]
        return _SEVERAL if denied(settled) else _one_of(settled, labels) or _last_word(line, labels)
    for sentence in re.split(r"(?<=[.!?])\s", line)[::-1]:
        if labels[0] == "yes" and denied(sentence) and _one_of(sentence, labels) is not None:
            return _SEVERAL
        for part in (main_clause(sentence), sentence):
            found = _one_of(part, labels)
            if found is not None:
                return found
    return None


def _last_word(line: str, labels: tuple[str, str]) -> str | None:
    found = _PATTERNS[labels].findall(line)
    connected = re.search(rf"\b{labels[0]}\s(?:or|and|/)\s{labels[1]}\W*\Z", line, re.IGNORECASE)
    return _SEVERAL if connected else found[-1].casefold() if found else None

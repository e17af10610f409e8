"""Read yes/no, True/False and valid/invalid: the label that a statement settles on, negations and hedges included."""

import re
import unicodedata

from mlpo_core.grading.cues import NOT_BUT
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
    r"\b(?:not|isn['’]t|neither|never|cannot|can['’]t|far\sfrom|wrong\sto|hardly|no\slonger|fails?\sto|no|by\sno\smeans|anything\sbut|unlikely|doubtful|doubt|wouldn['’]t|don['’]t)\b,?\s(?:[\w,]{1,20}\s){0,4}?(valid|invalid)\b",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(r"\bwould\s(?:only\s)?be\s(?:in)?valid\s(?:only\s)?(?:if|when|were)\b", re.IGNORECASE)
_LABEL = r"(?:yes|no|true|false)"
_DENYING = r"not|never|cannot|hardly|far\sfrom|wrong|anything\sbut|\w{2,6}n['’]t"
_FILLING = r"to|say|be|the|answer|is|really|think|it|call|that|simply|necessarily"
_TAKEN_BACK = re.compile(
    rf"(?<!,\s)(?<!\band\s)(?<!\bbut\s)\b(?:{_DENYING})\s(?:(?:{_FILLING})\s){{0,4}}[\"'“*]{{0,3}}{_LABEL}(?![\w-])"
    r"(?!\s(?:one|reason|doubt|way)\b)",
    re.IGNORECASE,
)
_IS_WRONG = re.compile(
    rf"\W{{0,9}}{_LABEL}[\"'”*]{{0,3}}\s(?:(?:is|would\sbe|was)\s(?:not|wrong|incorrect|never)\b|isn['’]t\b)",
    re.IGNORECASE,
)
"""A label that a statement denies, which leaves none: "I can't say yes", "Yes is wrong"."""
_NOT = re.compile(r"not\b", re.IGNORECASE)
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
        unsaid = denied(settled) or _taken_back(text, settled)
        return _SEVERAL if unsaid else _one_of(settled, labels) or _one_of(text, labels)
    if labels[0] == "yes":
        text = NOT_BUT.sub("", text)
        if (denied(text) and _PATTERNS[labels].search(text)) or _denies(text):
            return _SEVERAL
    found = _one_of(main_clause(text), labels)
    return _one_of(text, labels) if found is None else found


def _one_of(text: str, labels: tuple[str, str]) -> str | None:
    """The only label in a text, after its negation; `_SEVERAL` where it has both."""
    if labels[0] == "valid":
        if _CONDITIONAL.search(text):
            return _SEVERAL
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
        unsaid = denied(settled) or _taken_back(line, settled)
        return _SEVERAL if unsaid else _one_of(settled, labels) or _last_word(line, labels)
    for sentence in re.split(r"(?<=[.!?])\s", line)[::-1]:
        if labels[0] == "yes":
            sentence = NOT_BUT.sub("", sentence)
            unsaid = denied(sentence) or _denies(sentence) or sentence.rstrip("* ").endswith("?")
            if unsaid and _PATTERNS[labels].search(sentence):
                return _SEVERAL
        for part in (main_clause(sentence), sentence):
            found = _one_of(part, labels)
            if found is not None:
                return found
    return None


def _denies(text: str) -> bool:
    return (_TAKEN_BACK.search(text) or _IS_WRONG.match(text)) is not None


def _taken_back(text: str, settled: str) -> bool:
    """Whether a truth value is denied; `not True` before an equals sign is a part of the expression."""
    if _denies(settled) or _IS_WRONG.match(text):
        return True
    found = _TAKEN_BACK.search(re.split(r"(?<=[.!?])\s", text.strip())[-1])
    return found is not None and not _NOT.match(found.group())


def _last_word(line: str, labels: tuple[str, str]) -> str | None:
    found = _PATTERNS[labels].findall(line)
    connected = re.search(rf"\b{labels[0]}\s(?:or|and|/)\s{labels[1]}\W*\Z", line, re.IGNORECASE)
    return _SEVERAL if connected else found[-1].casefold() if found else None

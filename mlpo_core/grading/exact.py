"""Grade answers compared as text: labels (yes/no, True/False, valid/invalid), brackets, word lists, strings."""

import re
import unicodedata

from mlpo_core.grading.extract import Statement, answers_several, is_cut_off, statements, visible
from mlpo_core.types import Verdict

_LABELS: tuple[tuple[str, ...], ...] = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
_BRACKETS = re.compile(r"[()\[\]{}<>\s]+")
_BRACKET_RUN = re.compile(r"[()\[\]{}<>](?:[\s,]{0,3}[()\[\]{}<>]){0,500}")
_BRACKETS_BOXED = re.compile(r"\\boxed\{([^\n]{1,1000})\}")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s?\{([^{}]{0,2000})\}")
_NUMBERED = re.compile(r"(?m)^\s{0,8}(?:\d{1,3}[.)]|[-*•])\s")
_PLAUSIBLE = re.compile(
    r"\b(?:(not|isn't|un|im|in)[\s-]?)?(?:(?:very|a|entirely|really|actually)\s){0,2}plausible\b", re.IGNORECASE
)
"""A question whether something is plausible is often answered without saying yes or no (BBH, sports_understanding)."""
_EDGES = " \t\r\n\"'`“”‘’*_.,:;!?$"


def grade_exact(gold: str, response: str) -> Verdict:
    """Compare what a response states with a gold text, after the same normalisation of both."""
    for labels in _LABELS:
        if normalise(gold) in labels:
            extracted = _label(response, labels)
            return Verdict(extracted, extracted == normalise(gold))
    if gold.strip() and _BRACKETS.fullmatch(gold):
        extracted = _brackets(response)
        return Verdict(
            extracted, extracted is not None and extracted.split() == " ".join("".join(gold.split())).split()
        )
    return _text(gold, response)


def normalise(text: str) -> str:
    """Text without case, compatibility forms, markup, quotes around it, commas between words, or extra spaces."""
    text = unicodedata.normalize("NFKC", text)
    text = _NUMBERED.sub(" ", _TEXT_COMMAND.sub(r"\1", text))
    text = re.sub(r"[*`]|\\[()\[\]]", "", text)
    text = re.sub(r",(?=\s|[^\W\d])", " ", text)
    return " ".join(text.split()).strip(_EDGES).casefold()


def _text(gold: str, response: str) -> Verdict:
    wanted = normalise(gold) or gold.strip()
    found = statements(response)
    for place in found:
        said = normalise(place.text) or place.text.strip()
        if said:
            if said == wanted:
                return Verdict(said, True)
            break
    else:
        return Verdict(None, False)
    place = found[0]
    # A list may go on over several lines: "The answer is:\n1. apple\n2. pear".
    if place.explicit and len(wanted.split()) > 1:
        rest = normalise(re.sub(r"^[^\n:]{0,300}:", "", place.rest[: 4 * len(gold) + 400], count=1))
        if rest == wanted:
            return Verdict(rest, True)
    if not place.explicit:
        lines = [line for line in place.text.split("\n") if line.strip()]
        said = normalise(lines[-1]) if lines else said
        said = normalise(lines[-1].rsplit(":", 1)[-1]) if said != wanted and lines else said
    return Verdict(said[:1000], said == wanted)


def _label(response: str, labels: tuple[str, ...]) -> str | None:
    word = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(labels, key=len, reverse=True))})(?![\w-])", re.IGNORECASE)
    *marked, whole = statements(response)
    stated = [
        found[0].casefold() for place in marked if (found := word.findall(unicodedata.normalize("NFKC", place.text)))
    ]
    if stated and stated[0] != stated[-1] and (answers_several(response) or is_cut_off(whole.text)):
        return None  # which of them answers our question cannot be told
    if stated:
        return stated[0]
    if whole.explicit and (found := word.findall(whole.text)):
        return found[0].casefold()
    return None if answers_several(response) else _concluding_label(whole.text, labels, word)


def _concluding_label(text: str, labels: tuple[str, ...], word: re.Pattern[str]) -> str | None:
    """The label in the last lines of a text that marks no answer."""
    if is_cut_off(text):
        return None
    for line in [line for line in text.split("\n") if line.strip()][:-4:-1]:
        found = word.findall(line)
        if found:
            # "not valid" says invalid; "not True" is part of a boolean expression.
            negated = labels[0] == "valid" and re.search(rf"\b(?:not|isn't)\s(?:\w+\s)?{found[-1]}\b", line)
            return "invalid" if negated else found[-1].casefold()
        if labels[0] == "yes" and (judged := _PLAUSIBLE.findall(line)):
            return "no" if judged[-1] else "yes"
    return None


def _brackets(response: str) -> str | None:
    # A box around brackets is rarely balanced: it goes to the last brace of its line.
    boxes = [found for found in _BRACKETS_BOXED.findall(visible(response)) if _BRACKETS.fullmatch(found)]
    for place in [Statement(boxes[-1], "", True)] if boxes else statements(response):
        runs = _BRACKET_RUN.findall(place.text.replace("\\{", "{").replace("\\}", "}"))
        if runs:
            run = max(runs, key=len) if place.explicit else runs[-1]
            return " ".join(c for c in run if not c.isspace() and c != ",")
    return None

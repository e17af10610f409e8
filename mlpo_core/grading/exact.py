"""Grade answers compared as text: labels (yes/no, True/False, valid/invalid), brackets, word lists, strings."""

import re
import unicodedata

from mlpo_core.grading.dressing import plain, without_question
from mlpo_core.grading.extract import Statement, statements, visible
from mlpo_core.grading.labels import LABELS, read_label
from mlpo_core.grading.stated import introduced
from mlpo_core.types import Verdict

_BRACKETS = re.compile(r"[()\[\]{}<>\s]+")
_BRACKET_RUN = re.compile(r"[()\[\]{}<>](?:[\s,\"'`]{0,4}[()\[\]{}<>]){0,500}")
_WORDS_IN_BRACKETS = re.compile(r"\([A-Za-z][^()\n]{0,80}\)")
_BRACKETS_BOXED = re.compile(r"\\boxed\{([^\n]{1,1000})\}")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s?\{([^{}]{0,2000})\}")
_NUMBERED = re.compile(r"(?m)^\s{0,8}(?:\d{1,3}[.)]|[-*•])\s")
_REMARK = re.compile(r"\s\([^()\n]{1,80}\)(?=[\s.*]{0,9}\Z)")
_AND = re.compile(r",?\sand\s(?=\S{1,60}\Z)")
_LIST_MARKS = re.compile(r"[\[\](){}\"'“”‘’;|<>→]|->")
_EDGES = " \t\r\n\"'`“”‘’*_.,:;!?$"


def grade_exact(gold: str, response: str, question: str = "") -> Verdict:
    """Compare what a response states with a gold text, after the same normalisation of both."""
    response = without_question(response, question)
    for labels in LABELS:
        if normalise(gold) in labels:
            extracted = read_label(response, labels)
            return Verdict(extracted, extracted == normalise(gold))
    if gold.strip() and _BRACKETS.fullmatch(gold):
        extracted = _brackets(response)
        return Verdict(
            extracted, extracted is not None and extracted.split() == " ".join("".join(gold.split())).split()
        )
    return _text(gold, response)


def normalise(text: str) -> str:
    """Text without case, compatibility forms, markup, quotes around it, commas between words, or extra spaces."""
    text = text if text.isascii() else unicodedata.normalize("NFKC", plain(text))
    if "\\" in text:
        text = re.sub(r"\\[()\[\]]", "", re.sub(r"\\[ ,;:]", " ", _TEXT_COMMAND.sub(r"\1", text)))
    text = re.sub(r"[*`]", "", _NUMBERED.sub(" ", text))
    text = re.sub(r",(?=\s|[^\W\d])", " ", text)
    return " ".join(text.split()).strip(_EDGES).casefold()


def _text(gold: str, response: str) -> Verdict:
    wanted = normalise(gold) or gold.strip()
    found = statements(response)
    for place in found:
        said = _undressed(place.text if place.explicit else introduced(place.text), wanted)
        if said:
            if said == wanted:
                return Verdict(said, True)
            break
    else:
        return Verdict(None, False)
    place = found[0]
    # A list may go on over several lines: "The answer is:\n1. apple\n2. pear".
    if place.explicit and len(wanted.split()) > 1:
        rest = normalise(re.sub(r"^[^\n:]{0,300}:", "", place.rest[: 4 * len(gold) + 400].split("\n\n\n")[0], count=1))
        if rest == wanted:
            return Verdict(rest, True)
    return Verdict(said[:1000], said == wanted)


def _undressed(text: str, wanted: str) -> str:
    """The normalised text, without a remark in brackets, the marks of a list or its last "and" where these differ."""
    said = normalise(text) or text.strip()
    for simpler in (_REMARK.sub("", text), _LIST_MARKS.sub(" ", text), _AND.sub(" ", text.strip(" \n.*"))):
        if said != wanted and normalise(simpler) == wanted:
            return wanted
    return said


def _brackets(response: str) -> str | None:
    # A box around brackets is rarely balanced: it goes to the last brace of its line.
    boxes = [found for found in _BRACKETS_BOXED.findall(visible(response)) if _BRACKETS.fullmatch(found)]
    for place in [Statement(boxes[-1], "", True)] if boxes else statements(response):
        runs = _BRACKET_RUN.findall(_WORDS_IN_BRACKETS.sub(" ", place.text).replace("\\{", "{").replace("\\}", "}"))
        if runs:
            run = max(runs, key=len) if place.explicit else runs[-1]
            return " ".join(c for c in run if not c.isspace() and c not in ",\"'`")
    return None

"""Grade multiple-choice answers: a letter, in any of the ways in which it is written, or the text of an option."""

import re
from collections.abc import Sequence

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.exact import normalise
from mlpo_core.grading.extract import Statement, answers_several, is_cut_off, statements
from mlpo_core.grading.hedges import denied, denied_after, main_clause
from mlpo_core.grading.languages import OPTION_LETTERS, SOFT_ENDINGS
from mlpo_core.grading.option_guess import guessed
from mlpo_core.grading.option_named import BRACKETED, SEVERAL, lead, led, named
from mlpo_core.grading.option_text import LETTERS, exact_text, option_text, several_texts
from mlpo_core.types import Verdict

_MARKUP = re.compile(r"[*`$]|\\(?:text|textbf|mathrm|mathbf|mbox|boxed|fbox)\s?(?=\{)|\\[()\[\]]|\\,")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s?\{([^{}]{0,300})\}")
_LISTED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{0,4}(\S[^\n]{0,500})$")
_ROSTER = re.compile(
    r"\W{0,9}(?:\(?1[).:]\s?\(?[A-Z]\)?,?\s{0,3}\(?2[).:]|(?:\(?[A-Z]\)?,\s){0,9}?(\(?[A-Z]\)?),\s(?:\(?[A-Z]\)?,\s){0,9}?\1(?![\w)]))"
)
"""The answers of several questions in a row: "(1) F, (2) D"."""
_OPTION_LINE = re.compile(r"(?m)^[^\w\n]{0,9}([A-Z])[).:]\s")
_UNDERLINED = re.compile(r"(?<!\w)__?(?=[\w(])|(?<=[\w).])__?(?!\w)")


def letter_of(answer: str, choices: Sequence[str]) -> str | None:
    """The letter a gold answer means: `B`, `(B)`, `b.`, or the text of one of the choices; None otherwise."""
    bare = re.fullmatch(r"\s*\(?\s*([A-Za-z])\s*\)?\s*[.:]?\s*", answer)
    if bare:
        return bare.group(1).upper()
    same = [i for i, choice in enumerate(choices[: len(LETTERS)]) if normalise(choice) == normalise(answer)]
    return LETTERS[same[0]] if len(same) == 1 else None


def listed_options(question: str) -> tuple[str, ...]:
    """The options that a question lists itself, one a line as `(A) text`; empty unless they run A, B, C…"""
    found = _LISTED.findall(question[-20_000:])
    in_order = [text.strip() for (letter, text), expected in zip(found, LETTERS, strict=False) if letter == expected]
    return tuple(in_order) if len(in_order) == len(found) > 1 else ()


def grade_option(gold: str, choices: Sequence[str], response: str, question: str = "") -> Verdict:
    """Compare the letter that a response states with the gold one. Without choices any letter counts."""
    response = without_question(response, question)
    letters = LETTERS[: len(choices)] if choices else LETTERS
    extracted = _extract(response, letters, choices)
    return Verdict(extracted, extracted is not None and extracted == letter_of(gold, choices))


def _extract(response: str, letters: str, choices: Sequence[str]) -> str | None:
    *marked, whole = statements(response)
    stated = [found for place in marked if (found := _stated(place, letters, choices)) is not None]
    if stated and stated[0] != stated[-1] and (answers_several(response) or is_cut_off(whole.text)):
        return None  # which of them answers our question cannot be told
    if stated:
        return stated[0] or None
    if whole.explicit and (found := _stated(whole, letters, choices)) is not None:
        return found or None
    return None if answers_several(response) else guessed(_bare(whole.text), letters, choices)


def _stated(place: Statement, letters: str, choices: Sequence[str]) -> str | None:
    """Read a marked answer: a letter at its start, the text of an option, or a letter inside it."""
    text = _bare(place.text)
    if _ROSTER.match(text):
        return None
    if "".join(_OPTION_LINE.findall(text)).startswith("AB"):
        return SEVERAL  # the options, listed
    first = lead(text)
    if first and first.alone and first.letter in letters:
        return first.letter
    if found := exact_text(text, choices):
        return found
    if denied(text):
        return SEVERAL if option_text(text, choices) or named(text[3:], letters) is not None else None
    if not text.isascii() and (local := re.match(r"\W{0,9}(\w)(?!\w)", text)) and local.group(1) in OPTION_LETTERS:
        letter = OPTION_LETTERS[local.group(1)]
        return letter if letter in letters else None
    if first and first.letter in letters and denied_after(text[first.end : first.end + 40]):
        return SEVERAL
    if first and (found := led(first, text, letters)) is not None:
        return found
    clause = main_clause(text)
    if found := option_text(clause, choices) or option_text(text, choices):
        return found
    if several_texts(clause, choices):
        return SEVERAL
    inside = named(clause, letters)
    if inside is None and len({m.group(1).upper() for m in BRACKETED.finditer(text)}) > 2:
        return SEVERAL
    return named(text, letters) if inside is None else inside


def _bare(text: str) -> str:
    text = _MARKUP.sub("", _TEXT_COMMAND.sub(r" \1 ", text) if "\\" in text else text)
    text = _UNDERLINED.sub("", text) if "_" in text else text
    return text if text.isascii() else SOFT_ENDINGS.sub(" ", text)

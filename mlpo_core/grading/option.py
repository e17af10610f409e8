"""Grade multiple-choice answers: a letter, in any of the ways in which it is written, or the text of an option."""

import re
from collections.abc import Sequence

from mlpo_core.grading.exact import normalise
from mlpo_core.grading.extract import Statement, answers_several, is_cut_off, statements
from mlpo_core.types import Verdict

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_MARKUP = re.compile(r"[*`$]|\\(?:text|textbf|mathrm|mathbf|mbox|boxed|fbox)\s?(?=\{)|\\[()\[\]]|\\,")
_LISTED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{0,4}(\S[^\n]{0,500})$")
_RESTATED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{1,4}([^\n(:–—]{2,100}?)(?=\s[(–—-]|:|$)")
_LEADING = re.compile(
    r"[\s\"'“‘:{_-]{0,9}(?:(?:option|choice|letter|answer)s?[\s:#]{0,3})?(?:\(([A-Z])\)|\[([A-Z])\]|\{\(?([A-Z])\)?\}|([A-Z])(?=[).:,;\]}\"'”’_]|\s|$))",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"(?<![\w)])\(([A-Z])\)(?!\w)")
_NAMED = re.compile(r"\b(?:option|choice|answer)s?\s{1,3}\(?([A-Z])\b\)?", re.IGNORECASE)
_LINE = re.compile(r"(?m)^[\s#>-]{0,8}\(?([A-Z])(?:[).](?=\s)[^\n]{0,500}|[).]?\s{0,8}$)")
_SETTLED = re.compile(
    r"\b(?:is|be|answer|choose|select|pick|option|choice|to)\s{1,3}(?:option\s|choice\s)?\(([A-Z])\)", re.IGNORECASE
)
_IS_ANSWER = re.compile(r"\(?\b([A-Z])\)?\sis\s(?:the\s)?(?:correct|right|best|answer)\b")
_NEGATED = re.compile(r"\([A-Z]\)\s(?:does|is|are|was|would)(?:\snot|n't)\b|\bincorrect\b", re.IGNORECASE)
_DECLINED = re.compile(
    r"\b(?:neither\s(?:of|option|statement|sentence|answer|\()|none\s+of|no\s+(?:correct|clear|single)\s(?:answer|option|choice)"
    r"|(?:cannot|can't)\s(?:\w+\s)?(?:be|determine|select|choose)|both\s\(|not\s+(?:listed|among|present))\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?<![\w'’.+/=^\\-])([A-Z])(?![\w'’+/=^-])")


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


def grade_option(gold: str, choices: Sequence[str], response: str) -> Verdict:
    """Compare the letter that a response states with the gold one. Without choices any letter counts."""
    letters = LETTERS[: len(choices)] if choices else LETTERS
    extracted = _extract(response, letters, choices)
    return Verdict(extracted, extracted is not None and extracted == letter_of(gold, choices))


def _extract(response: str, letters: str, choices: Sequence[str]) -> str | None:
    *marked, whole = statements(response)
    stated = [found for place in marked if (found := _stated(place, letters, choices))]
    if stated and stated[0] != stated[-1] and (answers_several(response) or is_cut_off(whole.text)):
        return None  # which of them answers our question cannot be told
    if stated:
        return stated[0]
    if whole.explicit and (found := _stated(whole, letters, choices)):
        return found
    return None if answers_several(response) else _guessed(whole.text, letters, choices)


def _stated(place: Statement, letters: str, choices: Sequence[str]) -> str | None:
    """Read a marked answer: a letter at its start, the text of an option, or a letter inside it."""
    text = _MARKUP.sub("", place.text)
    lead = _LEADING.match(text)
    if lead:
        letter = next(group for group in lead.groups() if group)
        article = lead.group(4) and (letter in "aAI" or letter.islower()) and re.match(r"\s\w", text[lead.end() :])
        if letter.upper() in letters and not article:
            return letter.upper()
    return (
        _option_text(text, choices)
        or _first(_BRACKETED, text, letters)
        or _first(_NAMED, text, letters)
        or _first(_WORD, re.sub(r"\bA(?= \w)|\bI(?= \w|')", "", text), letters)
    )


def _guessed(text: str, letters: str, choices: Sequence[str]) -> str | None:
    """Read an answer out of a text that marks none: what its last words settle on, if they settle on one option."""
    clean = _MARKUP.sub("", text)
    whole = _LEADING.match(clean)
    if whole and not clean[whole.end() :].strip(" .)*\"'}"):
        return _allowed(next(group for group in whole.groups() if group), letters)
    if is_cut_off(clean):
        return None
    lines = [line for line in clean.split("\n") if line.strip()]
    for line in lines[:-4:-1]:
        if _DECLINED.search(line):
            return None
        if line is not lines[-1] and _LINE.match(line):
            continue  # it lists an option
        for sentence in re.split(r"(?<=[.!?])\s", line)[:-20:-1]:
            if found := _settled(sentence, letters):
                return None if _NEGATED.search(sentence) else found
        if found := _option_text(line, choices):
            return found
    return _set_apart(lines, letters) or (_listed_text(clean, lines[-1], letters) if lines else None)


def _listed_text(text: str, line: str, letters: str) -> str | None:
    """The option whose text a line names, where the response itself listed the options with their letters."""
    texts = dict(_RESTATED.findall(text))
    in_order = [texts[letter].strip() for letter in letters[: len(texts)] if letter in texts]
    return _option_text(line, in_order) if len(in_order) == len(texts) > 1 else None


def _set_apart(lines: Sequence[str], letters: str) -> str | None:
    """The last option that stands alone after a colon: "The closest match is:", "(B) The Matrix"."""
    for i in range(len(lines) - 1, 0, -1):
        lead = _LINE.match(lines[i])
        alone = lead and lines[i - 1].rstrip().endswith(":") and not (i + 1 < len(lines) and _LINE.match(lines[i + 1]))
        if lead and alone and lead.group(1) in letters:
            return lead.group(1)
    return None


def _settled(sentence: str, letters: str) -> str | None:
    """The option that a sentence names, if it names one, or the one of several that it says the answer is."""
    named = {m.group(1).upper() for pattern in (_NAMED, _BRACKETED, _LINE) for m in pattern.finditer(sentence)} & set(
        letters
    )
    return (
        named.pop() if len(named) == 1 else _last(_SETTLED, sentence, letters) or _last(_IS_ANSWER, sentence, letters)
    )


def _option_text(text: str, choices: Sequence[str]) -> str | None:
    """The letter of the option whose text this is, or the only one that it contains."""
    if not choices:
        return None
    said = normalise(text)
    known = [normalise(choice) for choice in choices[: len(LETTERS)]]
    same = [i for i, choice in enumerate(known) if choice and choice == said]
    if not same:
        within = [i for i, choice in enumerate(known) if choice and _contains(said, choice)]
        # "Venus and Mars" contains the option "Mars" too: an option inside another that is there does not count.
        same = [i for i in within if not any(i != j and known[i] != known[j] and known[i] in known[j] for j in within)]
    return LETTERS[same[0]] if len(same) == 1 else None


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


def _allowed(letter: str, letters: str) -> str | None:
    return letter.upper() if letter.upper() in letters else None


def _first(pattern: re.Pattern[str], text: str, letters: str) -> str | None:
    return next((m.group(1).upper() for m in pattern.finditer(text) if m.group(1).upper() in letters), None)


def _last(pattern: re.Pattern[str], text: str, letters: str) -> str | None:
    found = [m.group(1).upper() for m in pattern.finditer(text) if m.group(1).upper() in letters]
    return found[-1] if found else None

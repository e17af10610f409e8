"""Grade multiple-choice answers: a letter, in any of the ways in which it is written, or the text of an option."""

import functools
import re
from collections.abc import Sequence

from mlpo_core.grading.dressing import without_question
from mlpo_core.grading.exact import normalise
from mlpo_core.grading.extract import Statement, answers_several, is_cut_off, statements
from mlpo_core.grading.hedges import denied, main_clause
from mlpo_core.grading.languages import OPTION_LETTERS, SOFT_ENDINGS
from mlpo_core.types import Verdict

_ONE_LINE = 200
_LONGEST_CHAIN = 300
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_MARKUP = re.compile(r"[*`$]|\\(?:text|textbf|mathrm|mathbf|mbox|boxed|fbox)\s?(?=\{)|\\[()\[\]]|\\,")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s?\{([^{}]{0,300})\}")
_LISTED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{0,4}(\S[^\n]{0,500})$")
_RESTATED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{1,4}([^\n(:–—]{2,100}?)(?=\s[(–—-]|:|$)")
_LEADING = re.compile(
    r"[\s\"'“‘:{_<-]{0,9}(?:(?:option|choice|letter|answer)s?[\s:#]{0,3})?(?:\(([A-Z])\)|\[([A-Z])\]|\{\(?([A-Z])\)?\}"
    r"|([A-Z])(?=[).:,;\]}\"'”’_>/|&]|\s|$|[^\x00-\u024f]))",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"(?<![\w)])\(([A-Z])\)(?!\w)")
_NAMED = re.compile(r"\b(?:option|choice|answer)s?\s{1,3}\(?([A-Z])\b\)?", re.IGNORECASE)
_LINE = re.compile(r"(?m)^[\s#>-]{0,8}\(?([A-Z])(?:[).](?=\s)[^\n]{0,500}|[).]?\s{0,8}$)")
_SETTLED = re.compile(
    r"\b(?:is|be|answer|choose|select|pick|option|choice|to)\s{1,3}(?:option\s|choice\s)?\(([A-Z])\)", re.IGNORECASE
)
_CONCLUDED = re.compile(
    r"(?:\b(?:[Ii]t|[Tt]hat|[Ll]etter|one|[Cc]hoice|[Oo]ption|out)(?:['’]s|\s(?:is|must\sbe|should\sbe|would\sbe))"
    r"|\b(?:choose|chose|pick|select|go\swith|[Cc]hoice:|[Tt]hus|[Tt]herefore|[Hh]ence|[Ss]o)),?\s{1,3}"
    r"(?:option\s|choice\s|letter\s)?\(?([A-Z])\)?(?=\s{0,3}(?:[.,;!—–]|$)|\s(?:because|since|as)\b)"
)
_IS_ANSWER = re.compile(
    r"\(?\b([A-Z])\)?\s(?:[a-z][^.()\n]{0,60}?\s)?is\s(?:therefore\s|thus\s)?(?:the\s)?(?:correct|right|best|answer)\b"
)
_NEGATED = re.compile(
    r"\(?\b[A-Z]\b\)?\s(?:does|is|are|was|would)(?:\snot|n't)\b|\b(?:[Ii]ncorrect|wrong)\b|\b(?:isn't|is\snot)\s\(?[A-Z]\b"
)
_DECLINED = re.compile(
    r"\b(?:neither\s(?:of|option|statement|sentence|answer|\()|none\s+of\s+(?:the|these|those)\s+(?:options|choices|answers|above|given|listed|provided|statements)"
    r"|no\s(?:correct|clear|single)\s(?:answer|option|choice)"
    r"|(?:cannot|can't)\s(?:\w+\s)?(?:be\s(?:\w+\s)?(?:determined|answered|known|decided|identified|chosen|selected)|determine|select|choose|answer|say)"
    r"|both\s\(|not\s+(?:listed|among|present))\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?<![\w'’.+/=^\\-])([A-Z])(?![\w'’+/=^-])")
_NAMES = re.compile(
    r"(?:^|[^\w\s]\s{0,3}|\b(?:option|choice|answer|letter|is|are|be|to|pick|select|choose|statement|alternative|number|item|only|just"
    r"|therefore|thus|so|clearly|definitely|likely|probably|either|both|or|and|would|with|say|response|that|it|correct|actually|indeed)s?\s{1,3})\Z",
    re.IGNORECASE,
)
"""What stands before a letter that names an option; in "Hepatitis B" and "Plan B" it is part of a name."""
_NEXT = re.compile(
    r"[\s)\]}.\"'”’*]{0,4}(?P<link>,?\s?\b(?:and/or|and|or)\b|[,;/&|]|(?=[\s(]))\s{0,3}(?:(?:also|maybe|possibly|perhaps|even)\s)?(?:option\s|choice\s)?"
    r"(?P<open>[(\[]?)(?P<letter>[A-Z])(?P<close>[)\]]?)(?![\w'’-])"
)
_GOES_ON = re.compile(r"[*\"'”’]{0,3}\s{0,3}(?:[,;/&|)\].*(]|$|\n|(?:or|and|are|both|all|equally)\b|[A-Z]\b)")
_AND_ANOTHER = re.compile(
    r"\b(?:and|or|and/or|&)\s{1,3}(?:also\s)?(?:option\s|choice\s)?(?:\(([A-Z])\)(?!\s(?:is|was|does|has)\b)|([A-Z])[.):](?=\s|$))"
)
_IN_LINE = re.compile(r"(?<!\w)\(?([A-Z])[.):](?=\s)")
_ROSTER = re.compile(
    r"\W{0,9}(?:\(?1[).:]\s?\(?[A-Z]\)?,?\s{0,3}\(?2[).:]|(?:\(?[A-Z]\)?,\s){0,9}?(\(?[A-Z]\)?),\s(?:\(?[A-Z]\)?,\s){0,9}?\1(?![\w)]))"
)
"""The answers of several questions in a row: "(1) F, (2) D"."""
_SEVERAL = ""
"""Read where a statement names two options: it settles on none, and nothing else counts in its place."""


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
    return None if answers_several(response) else _guessed(whole.text, letters, choices)


def _stated(place: Statement, letters: str, choices: Sequence[str]) -> str | None:
    """Read a marked answer: a letter at its start, the text of an option, or a letter inside it."""
    text = _bare(place.text)
    if _ROSTER.match(text):
        return None
    lead = _LEADING.match(text)
    if (
        lead
        and not text[lead.end() :].strip(" .)*")
        and (group := lead.group(1) or lead.group(4) or "").upper() in letters
    ):
        return group.upper() or None
    if found := _exact_text(text, choices):
        return found
    if denied(text):
        return _SEVERAL if _option_text(text, choices) or _named(text[3:], letters) is not None else None
    if not text.isascii() and (local := re.match(r"\W{0,9}(\w)(?!\w)", text)) and local.group(1) in OPTION_LETTERS:
        return _allowed(OPTION_LETTERS[local.group(1)], letters)
    if lead and (found := _led(lead, text, letters)) is not None:
        return found
    clause = main_clause(text)
    if found := _option_text(clause, choices) or _option_text(text, choices):
        return found
    if _several_texts(clause, choices):
        return _SEVERAL
    inside = _named(clause, letters)
    if inside is None and len({m.group(1).upper() for m in _BRACKETED.finditer(text)}) > 2:
        return _SEVERAL
    return _named(text, letters) if inside is None else inside


def _bare(text: str) -> str:
    text = _MARKUP.sub("", _TEXT_COMMAND.sub(r" \1 ", text) if "\\" in text else text)
    return text if text.isascii() else SOFT_ENDINGS.sub(" ", text)


def _led(lead: re.Match[str], text: str, letters: str) -> str | None:
    """The letter that a statement begins with, if it names no other beside it."""
    letter = next(group for group in lead.groups() if group)
    article = lead.group(4) and (letter in "aAI" or letter.islower()) and re.match(r"\s[^\W\d_]", text[lead.end() :])
    if article and re.match(r"\s(?:and|or|and/or|are|[B-Z])\b", text[lead.end() :]):
        article = letter.islower()
    if letter.upper() not in letters or article:
        return None
    return _SEVERAL if _others(text, lead.end(), letter.upper(), letters) else letter.upper()


def _others(text: str, end: int, letter: str, letters: str) -> bool:
    """Whether another option is named right after one: "A or B", "(A), (D)", "D. ripe and I. long"."""
    rest = main_clause(text[end + 1 :][:300])
    if any((m.group(1) or m.group(2)) not in (letter, None) for m in _AND_ANOTHER.finditer(rest)):
        return True
    text = text[: end + _LONGEST_CHAIN]
    while (found := _NEXT.match(text, end)) and (found["open"] or _GOES_ON.match(text, found.end())):
        bare = not found["link"] and not found["open"] and not re.match(r"\s[A-Z]\b", text[found.end() :])
        if bare and text[found.end() :].strip(" .)*"):
            return False
        if found["letter"] in letters and found["letter"] != letter:
            return True
        end = found.end()
    return False


def _named(text: str, letters: str) -> str | None:
    """The option named inside a statement, if that is one: "Neither", "A or B" name none."""
    for pattern in (_BRACKETED, _NAMED, _WORD):
        searched = re.sub(r"\bA(?= \w)(?! (?:or|and)\b)|\bI(?= \w|')", " ", text) if pattern is _WORD else text
        for found in pattern.finditer(searched):
            letter = found.group(1).upper()
            if letter not in letters or (pattern is _WORD and not _NAMES.search(searched[: found.start()][-30:])):
                continue
            return _SEVERAL if _others(searched, found.end(), letter, letters) else letter
    return None


def _guessed(text: str, letters: str, choices: Sequence[str]) -> str | None:
    """Read an answer out of a text that marks none: what its last words settle on, if they settle on one option."""
    clean = _bare(text)
    whole = _LEADING.match(clean)
    if whole and not clean[whole.end() :].strip(" .:)*\"'}>"):
        return _allowed(next(group for group in whole.groups() if group), letters)
    if found := _exact_text(clean, choices):
        return found
    if (
        whole
        and len(clean) <= _ONE_LINE
        and "\n" not in clean.strip()
        and re.match(r"[).:,;。\]]|(?<=[)\]])", clean[whole.end() :])
    ):
        return _led(whole, clean, letters) or None
    if is_cut_off(clean):
        return None
    lines = [line for line in clean.split("\n") if line.strip()]
    if _lists_options(lines):
        return None
    for line in lines[:-4:-1]:
        if _DECLINED.search(line):
            return None
        if line is not lines[-1] and _LINE.match(line):
            continue  # it lists an option
        for sentence in re.split(r"(?<=[.!?])\s", line)[:-20:-1]:
            found = _SEVERAL if denied(sentence) else _settled(sentence, letters)
            if found is not None:
                return None if _NEGATED.search(sentence) else found or None
        if found := _option_text(line, choices):
            return found
    return _set_apart(lines, letters) or (_listed_text(clean, lines[-1], letters) if lines else None)


def _lists_options(lines: Sequence[str]) -> bool:
    """Whether a text ends in the options themselves: one a line, or "A. … B. … C. …" in one."""
    listed = [m.group(1) for line in lines[-2:] if (m := _LINE.match(line))]
    in_line = "".join(_IN_LINE.findall(lines[-1])) if lines else ""
    return (len(listed) == 2 and ord(listed[0]) + 1 == ord(listed[1])) or "ABC" in in_line


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
    if concluded := _last(_CONCLUDED, sentence, letters):
        return concluded
    places = [m for pattern in (_NAMED, _BRACKETED, _LINE) for m in pattern.finditer(sentence)]
    named = {m.group(1).upper() for m in places} & set(letters)
    if len(named) == 1:
        letter = named.pop()
        return _SEVERAL if any(_others(sentence, m.end(), letter, letters) for m in places) else letter
    return _last(_SETTLED, sentence, letters) or _last(_IS_ANSWER, sentence, letters)


@functools.lru_cache(100_000)
def _known(choice: str) -> str:
    return normalise(choice)


def _exact_text(text: str, choices: Sequence[str]) -> str | None:
    said = normalise(text) if choices and len(text) < 2_000 else ""
    same = [i for i, choice in enumerate(choices[: len(LETTERS)]) if said and _known(choice) == said]
    return LETTERS[same[0]] if len(same) == 1 else None


def _several_texts(text: str, choices: Sequence[str]) -> bool:
    said = normalise(text)
    return sum(bool(_known(choice)) and _contains(said, _known(choice)) for choice in choices[: len(LETTERS)]) > 1


def _option_text(text: str, choices: Sequence[str]) -> str | None:
    """The letter of the option whose text this is, or the only one that it contains."""
    if not choices:
        return None
    said = normalise(text)
    known = [_known(choice) for choice in choices[: len(LETTERS)]]
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


def _last(pattern: re.Pattern[str], text: str, letters: str) -> str | None:
    found = [m.group(1).upper() for m in pattern.finditer(text) if m.group(1).upper() in letters]
    return found[-1] if found else None

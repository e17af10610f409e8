"""Read an option out of a text that marks none as its answer: what its last words settle on, if on one."""

import re
from collections.abc import Sequence

from mlpo_core.grading.extract import is_cut_off
from mlpo_core.grading.hedges import denied, denied_after
from mlpo_core.grading.option_named import BRACKETED, NAMED, SEVERAL, lead, led, others
from mlpo_core.grading.option_text import exact_text, option_text

_ONE_LINE = 200
_RESTATED = re.compile(r"(?m)^[ \t]{0,8}\(([A-Z])\)[ \t]{1,4}([^\n(:–—]{2,100}?)(?=\s[(–—-]|:|$)")
_LINE = re.compile(r"(?m)^[\s#>-]{0,8}\(?([A-Z])(?:[).](?=\s)[^\n]{0,500}|[).]?\s{0,8}$)")
_SETTLED = re.compile(
    r"\b(?:is|be|answer|choose|select|pick|option|choice|to)\s{1,3}(?:option\s|choice\s)?\(([A-Z])\)", re.IGNORECASE
)
_CONCLUDED = re.compile(
    r"(?:\b(?:[Ii]t|[Tt]hat|[Ll]etter|one|[Cc]hoice|[Oo]ption|out|[Ss]olution|[Rr]esult|[Ss]election|[Pp]ick|[Gg]uess|[Cc]onclusion|[Tt]his)"
    r"(?:['’]s|\s(?:is|(?:must|should|would|has\sto|will|can\sonly)\sbe)|:)"
    r"|\b(?:choose|chose|pick|select|go\swith|say|mean|meant|[Tt]hus|[Tt]herefore|[Hh]ence|[Ss]o|[Oo]nly|[Jj]ust"
    r"|[Dd]efinitely|[Cc]learly|[Pp]robably|[Ll]ikely|[Ss]urely|[Cc]ertainly|[Oo]bviously|[Cc]orrection:|[Cc]hosen:)"
    r"|(?<=[a-z]{2})[,:]),?\s{1,3}"
    r"(?:option\s|choice\s|letter\s)?\(?([A-Z])\)?(?=\s{0,3}(?:[.,;!—–]|$)|\s(?:because|since|as)\b)"
)
_IS_ANSWER = re.compile(
    r"\(?\b([A-Z])\)?\s(?:[a-z][^.()\n]{0,60}?\s)?(?:is|(?:would|must|should)\sbe|(?:seems|appears)(?:\sto\sbe)?|looks)\s(?:therefore\s|thus\s)?(?:the\s)?(?:only\s)?"
    r"(?:correct|right|best|answer)\b"
)
_NEGATED = re.compile(
    r"\(?\b[A-Z]\b\)?\s(?:does|is|are|was|would)(?:\snot|n't)\b|\b(?:[Ii]ncorrect|wrong|false)\b|\b(?:isn't|is\snot)\s\(?[A-Z]\b"
    r"|\b(?:don['’]t|do\snot|doubt|wouldn['’]t|would\snot|cannot|can['’]t)\s(?:that\s)?(?:it|think|believe|say|choose|pick|select|be)\b"
    r"|\b(?:rule|ruled|eliminate|eliminated|exclude|excluded|reject|rejected)\b"
)
_DECLINED = re.compile(
    r"\b(?:neither\s(?:of|option|statement|sentence|answer|\()|none\s+of\s+(?:the|these|those)\s+(?:options|choices|answers|above|given|listed|provided|statements)"
    r"|no\s(?:correct|clear|single)\s(?:answer|option|choice)"
    r"|(?:cannot|can't)\s(?:\w+\s)?(?:be\s(?:\w+\s)?(?:determined|answered|known|decided|identified|chosen|selected)|determine|select|choose|answer|say)"
    r"|both\s\(|not\s+(?:listed|among|present))\b",
    re.IGNORECASE,
)
_IN_LINE = re.compile(r"(?<!\w)\(?([A-Z])[.):](?=\s)")
_REASONED = re.compile(r"[).:,;。\]]|(?<=[)\]])|\s(?:because|since|[-–—(])")
_NOT_ANOTHER = re.compile(
    r"(?:,?\s(?:and|but)\snot|,\snot|\srather\sthan|\sinstead\sof|\sas\sopposed\sto)\s(?:option\s)?\(?[A-Z]\)?(?![\w'’-])"
)
_NOT_BUT = re.compile(
    r"\bnot\s(?:option\s)?\(?[A-Z]\)?(?:,?\s(?:but|rather)\s|;\s|\s[-–—]\s)(?:it['’]s\s)?", re.IGNORECASE
)
"""What stands before an option that is set right: "not A but B"."""


def guessed(text: str, letters: str, choices: Sequence[str]) -> str | None:
    """The option that a text settles on without marking it; None where it settles on none or on several.

    Args:
        text: What the response says, without markup.
        letters: The letters of the options.
        choices: Their texts, as far as these are known.
    """
    first = lead(text)
    if first and first.alone:
        return first.letter if first.letter in letters else None
    if found := exact_text(text, choices):
        return found
    one_line = len(text) <= _ONE_LINE and "\n" not in text.strip()
    if first and one_line and _REASONED.match(text, first.end):
        return _denied_or(led(first, text, letters), text, first.end)
    if is_cut_off(text):
        return None
    lines = [line for line in text.split("\n") if line.strip()]
    if _lists_options(lines):
        return None
    found, refused = _concluded(lines, letters, choices)
    if refused:
        return found or _headed(lines, letters, choices)
    found = found or _set_apart(lines, letters) or (_listed_text(text, lines[-1], letters) if lines else None)
    return found or _headed(lines, letters, choices)


def _denied_or(letter: str | None, text: str, end: int) -> str | None:
    return None if denied_after(text[end : end + 40]) else letter or None


def _concluded(lines: Sequence[str], letters: str, choices: Sequence[str]) -> tuple[str | None, bool]:
    """What the last lines settle on; and whether they say something of options that settles on none."""
    for line in lines[:-4:-1]:
        if _DECLINED.search(line):
            return None, True
        if line is not lines[-1] and _LINE.match(line):
            continue  # it lists an option
        for sentence in re.split(r"(?<=[.!?])\s", line)[:-20:-1]:
            sentence = _NOT_ANOTHER.sub("", _NOT_BUT.sub("", sentence))
            found = SEVERAL if denied(sentence) else _settled(sentence, letters)
            if found is not None:
                refused = not found or _negated(sentence, found) or denied_after(sentence)
                return (None if refused else found), True
        if found := option_text(line, choices):
            return found, False
    return None, False


def _negated(sentence: str, letter: str) -> bool:
    """Whether a sentence denies an option; not where it goes on to name the one that is left."""
    negated = list(_NEGATED.finditer(sentence))
    if not negated:
        return False
    left = re.search(rf"[:,]\s(?:so\s|hence\s|thus\s)?(?:it['’]s\s|it\sis\s)?\(?{letter}\)?\W*\Z", sentence)
    return not left or left.start() < negated[-1].start() or f"{letter} is" in sentence


def _headed(lines: Sequence[str], letters: str, choices: Sequence[str]) -> str | None:
    """The option that a text begins with on a line of its own, before it says why."""
    first = lead(lines[0]) if len(lines) > 1 else None
    if first is None or first.letter not in letters or any(map(_LINE.match, lines[1:])):
        return None
    if not first.alone and option_text(lines[0], choices) != first.letter:
        return None
    said = " ".join(lines[1:])[:4_000]
    denied_itself = re.search(rf"\b{first.letter}\)?\s(?:is|was|would\sbe)\s(?:not|wrong|incorrect|false)\b", said)
    return None if denied_itself else first.letter


def _lists_options(lines: Sequence[str]) -> bool:
    """Whether a text ends in the options themselves: one a line, or "A. … B. … C. …" in one."""
    listed = [m.group(1) for line in lines[-2:] if (m := _LINE.match(line))]
    in_line = "".join(_IN_LINE.findall(lines[-1])) if lines else ""
    return (len(listed) == 2 and ord(listed[0]) + 1 == ord(listed[1])) or "ABC" in in_line


def _listed_text(text: str, line: str, letters: str) -> str | None:
    """The option whose text a line names, where the response itself listed the options with their letters."""
    texts = dict(_RESTATED.findall(text))
    in_order = [texts[letter].strip() for letter in letters[: len(texts)] if letter in texts]
    return option_text(line, in_order) if len(in_order) == len(texts) > 1 else None


def _set_apart(lines: Sequence[str], letters: str) -> str | None:
    """The last option that stands alone after a colon: "The closest match is:", "(B) The Matrix"."""
    for i in range(len(lines) - 1, 0, -1):
        line = _LINE.match(lines[i])
        alone = line and lines[i - 1].rstrip().endswith(":") and not (i + 1 < len(lines) and _LINE.match(lines[i + 1]))
        if line and alone and line.group(1) in letters:
            return line.group(1)
    return None


def _settled(sentence: str, letters: str) -> str | None:
    """The option that a sentence names, if it names one, or the one of several that it says the answer is."""
    if concluded := _last(_CONCLUDED, sentence, letters):
        return concluded
    places = [m for pattern in (NAMED, BRACKETED, _LINE) for m in pattern.finditer(sentence)]
    named = {m.group(1).upper() for m in places} & set(letters)
    if len(named) == 1:
        letter = named.pop()
        return SEVERAL if any(others(sentence, m.end(), letter, letters) for m in places) else letter
    return _last(_SETTLED, sentence, letters) or _last(_IS_ANSWER, sentence, letters)


def _last(pattern: re.Pattern[str], text: str, letters: str) -> str | None:
    found = [m for m in pattern.finditer(text) if m.group(1).upper() in letters]
    if not found:
        return None
    letter = found[-1].group(1).upper()
    return SEVERAL if others(text, found[-1].end(), letter, letters) else letter

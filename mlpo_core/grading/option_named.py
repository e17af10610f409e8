"""Find the letter that a text names as an option, and whether it names another beside it."""

import re

from mlpo_core.grading.hedges import main_clause

SEVERAL = ""
"""Read where a statement names two options: it settles on none, and nothing else counts in its place."""

_LONGEST_CHAIN = 300
BRACKETED = re.compile(r"(?<![\w)])\(([A-Z])\)(?!\w)")
NAMED = re.compile(r"\b(?:option|choice|answer)s?\s{1,3}\(?([A-Z])\b\)?", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:[\s\"'“‘«„「『【<:{_=>#→⇒➡✅✔👉☞️-]|!(?!=)){0,12}(?:(?:option|choice|letter|answer)s?[\s:#]{0,3})?"
    r"(?:\(([A-Z])\)|\[[\"']?([A-Z])[\"']?\]|\{\(?([A-Z])\)?\}"
    r"|([A-Z])(?=[).:,;!\]}\"'”’»_>/|&]|\s|$|[^\x00-\u024f]))",
    re.IGNORECASE,
)
_CLOSED = re.compile(r"[^\w(\[{+#/&|?°]*")
_WORD = re.compile(r"(?<![\w'’.+/=^\\-])([A-Z])(?![\w'’+/=^-])")
_NAMES = re.compile(
    r"(?:^|[^\w\s°]\s{0,3}|\b(?:option|choice|answer|letter|is|are|be|to|pick|select|choose|statement|alternative|number|item|only|just"
    r"|therefore|thus|so|sure|clearly|definitely|likely|probably|either|both|or|and|would|with|say|response|that|it|correct|actually|indeed)s?\s{1,3})\Z",
    re.IGNORECASE,
)
"""What stands before a letter that names an option; in "Hepatitis B" and "Plan B" it is part of a name."""
_NEXT = re.compile(
    r"[\s)\]}.\"'”’*]{0,4}(?P<link>,?\s?\b(?:and/or|and|or|oder|ou|atau|или|veya|または|或者?|还是|和)(?![a-z])|[,;/&|、]|(?=[\s(]))\s{0,3}"
    r"(?:(?:also|maybe|possibly|perhaps|even)\s)?(?:option\s|choice\s)?"
    r"(?P<open>[(\[]?)(?P<letter>[A-Z])(?P<close>[)\]]?)(?![\w'’-])"
)
_GOES_ON = re.compile(r"[*\"'”’]{0,3}\s{0,3}(?:[,;/&|)\].*(。]|$|\n|(?:or|and|are|both|all|equally)\b|[A-Z]\b)")
_AND_ANOTHER = re.compile(
    r"\b(?:and|or|and/or|&)\s{1,3}(?:also\s)?(?:option\s|choice\s)?(?:\(([A-Z])\)(?!\s(?:is|was|does|has)\b)|([A-Z])[.):](?=\s|$))"
)
_ALSO = re.compile(
    r"\b\(?([A-Z])\)?\s(?:(?:is|are|would\sbe|could\sbe|might\sbe|may\sbe|seems|looks)\s(?:also|equally|just\sas|another|possible|plausible|fine|acceptable)"
    r"|(?:also|equally|too|(?:could|might|may)\s(?:also|well|equally))\b)"
    r"|\b(?:second|other|alternative|backup|next)\s(?:best\s)?(?:choice|answer|option|guess|pick)\s(?:is|would\sbe)\s\(?([A-Z])\b"
)


class Lead:
    """The letter that a text begins with.

    Attributes:
        letter: The letter, in upper case.
        end: Where what follows it begins.
        alone: Whether nothing but marks follows it.
        bracketed: Whether it stands in brackets.
    """

    def __init__(self, match: re.Match[str], text: str) -> None:
        said = next(group for group in match.groups() if group)
        self.letter = said.upper()
        self.end = match.end()
        self.bracketed = not match.group(4)
        closed = _CLOSED.match(text, match.end())
        self.alone = closed is not None and closed.end() == len(text)
        following = text[match.end() : match.end() + 20]
        self._lower = said.islower()
        self._worded = re.match(r"\s[^\W\d_]", following) is not None
        self._listed = re.match(r"\s(?:and|or|and/or|are|because|since|[B-Z])\b", following) is not None

    @property
    def article(self) -> bool:
        """Whether the letter is a word of the sentence: "A cat", "I think"."""
        if self.bracketed or not (self.letter in "AI" or self._lower) or not self._worded:
            return False
        return self._lower if self._listed else True


def lead(text: str) -> Lead | None:
    """The letter that a text begins with, in any dress; None where it begins with a word."""
    match = _LEADING.match(text)
    return Lead(match, text) if match else None


def led(first: Lead, text: str, letters: str) -> str | None:
    """The option that a statement begins with; `SEVERAL` where it names another beside it."""
    if first.letter not in letters or first.article:
        return None
    return SEVERAL if others(text, first.end, first.letter, letters) else first.letter


def others(text: str, end: int, letter: str, letters: str) -> bool:
    """Whether another option is named right after one: "A or B", "(A), (D)", "D. ripe and I. long"."""
    following = text[end + 1 :][:_LONGEST_CHAIN]
    if any((m.group(1) or m.group(2)) not in (letter, None) for m in _AND_ANOTHER.finditer(main_clause(following))):
        return True
    if any((m.group(1) or m.group(2)) not in (letter, None) for m in _ALSO.finditer(following.split("\n\n", 1)[0])):
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


def named(text: str, letters: str) -> str | None:
    """The option named inside a statement, if that is one: "Neither", "A or B" name none."""
    for pattern in (BRACKETED, NAMED, _WORD):
        searched = re.sub(r"\bA(?= \w)(?! (?:or|and)\b)|\bI(?= \w|')", " ", text) if pattern is _WORD else text
        for found in pattern.finditer(searched):
            letter = found.group(1).upper()
            if letter not in letters or (pattern is _WORD and not _NAMES.search(searched[: found.start()][-30:])):
                continue
            return SEVERAL if others(searched, found.end(), letter, letters) else letter
    return None

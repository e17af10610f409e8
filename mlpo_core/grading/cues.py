"""The phrases that announce an answer, and what a response says after them."""

import itertools
import re

from mlpo_core.grading.languages import foreign_cues

_PHRASES_READ = 100
_STATEMENT_LIMIT = 4_000
_SHORT = 400
_BE = (
    r"(?:(?:is|was|are)(?P<denied{0}>n['’]t)?"
    r"|(?:would|should|will|must|can|could|might|has\ to|seems\ to|appears\ to|ought\ to)"
    r"\ (?:(?:only|therefore|thus|then|clearly|have\ to)\ ){{0,2}}be|=)"
)
_ANSWER = r"(?:answers?|option|choice|solution|letter)"
CUE = re.compile(
    rf"""
      \b(?:final|correct|right|best|selected|chosen)[\ _]{_ANSWER}(?:\ here)?[*_]{{0,3}}
      (?:\s{{0,3}}:|\s{{1,3}}{_BE.format(1)}(?!\w))[*_]{{0,3}}\s{{0,3}}:?
    | \banswers?[*_]{{0,3}}\s{{0,3}}(?::|=(?!=)|\b{_BE.format(2)}(?!\w)(?:[*_]{{0,3}}\s{{0,2}}:)?)
    | \bans(?:\.|\b)\s?[:=](?!=)
    | (?:^|(?<=\n))[\s*_#>]{{0,9}}(?:the\ |my\ )?(?:final\ |correct\ )?answer[*_]{{0,3}}\s{{1,3}}(?:[-–—=]>|[-–—→⇒➡])\s
    | \banswer\ (?:to\ [^\n:.]{{1,200}}?|\([^\n)]{{1,40}}\))\s{{0,2}}(?:\bis\b|:)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WRONG = re.compile(
    r"\b(?:(wrong|incorrect|false|worst|bad|unlikely|least\s(?:likely|plausible|probable))|calculated|computed)\s{1,3}\Z",
    re.IGNORECASE,
)
_IF = re.compile(r"\b[Ii]f\b[^.!?\n]{0,200}\Z")
_CORRECTION = re.compile(
    r"\b(?:but|actually|no|not|hmm|wait|hold\son|rather|sorry|mis\w{3,12}|mistake|instead|correction)\b[^\n]{0,60}?"
    r"\b(?:it|that|this|answer)(?:['’]s|\s(?:is|should\sbe|must\sbe|would\sbe))\s(?:actually\s|really\s)?",
    re.IGNORECASE,
)
_SETTLES = re.compile(r"\b(?:it|that)(?:['’]s|\s(?:is|should\sbe|must\sbe))\s(?:actually\s|really\s)?", re.IGNORECASE)
_SHORT_ANSWER = re.compile(r"[*(]{0,3}(?:[A-Z]\)?|[-$]{0,2}\d[\d,./]{0,40})[*)]{0,3}\s{0,2}(?:[.,;!]|$)", re.MULTILINE)
NOT_BUT = re.compile(r"not\s[^.\n]{1,60}?[,;]?\s(?:but|rather)\s(?:rather\s|it\sis\s)?(?=\S)", re.IGNORECASE)
_BLANK = re.compile(r"[\s*_$\\\[\]():#>`-]*")
_DISPLAY = re.compile(r"[\s*_:]{0,9}(?:\$\$(.{1,2000}?)\$\$|\\\[(.{1,2000}?)\\\])", re.DOTALL)

QUESTION = re.compile(
    r"^[\s>#*_\d.)-]{0,12}(?:Q(?:uestion)?\s?\d{0,3}|(?:Problem|Task|List|Set|Puzzle|Exercise)\s?#?\d{1,3})\s?[*_]{0,3}\s?(?:[:.)]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_HASHES = re.compile(r"^####\s{0,3}(\S[^\n]{0,100})\s{0,9}\Z", re.MULTILINE)
_FEW_SHOT_ANSWER = re.compile(r"^[\s*_#>]{0,6}A:[ \t*]{0,4}(\S[^\n]{0,100})\s{0,9}\Z", re.MULTILINE)


def phrases_of(text: str) -> list[tuple[int, str]]:
    """Where a text announces an answer, and what it says there, in order; few-shot and `####` endings are last."""
    cues = [m for m in CUE.finditer(text) if (wrong := _before(m, text)) is None or wrong.group(1)]
    cues += foreign_cues(text)
    cues.sort(key=lambda cue: cue.end())
    sure = [m for m in cues if not (m.group().endswith("be") and _IF.search(text, max(0, m.start() - 200), m.start()))]
    cues = sure or cues
    # The first shows whether a response answers several questions; of the rest only the last can matter.
    cues = [*cues[:1], *cues[1:][-_PHRASES_READ:]]
    places = [(m.end(), _stated(m, text)) for m in cues]
    found = [(start, content) for start, content in places if content and not QUESTION.match(content)]
    # "Final answer: The answer is 7" says it once.
    found = [
        a for a, b in itertools.zip_longest(found, found[1:]) if not b or "\n" in text[a[0] : b[0]] or b[0] - a[0] > 40
    ]
    if cues and (corrected := _correction(text, cues[-1])):
        found.append(corrected)
    end = max(0, len(text) - 120)
    last = _FEW_SHOT_ANSWER.search(text, end) or _HASHES.search(text, end)
    return [*found, (last.start(), last.group(1).strip())] if last else found


def _before(cue: re.Match[str], text: str) -> re.Match[str] | None:
    """The word before "answer" that makes it another than the response's own: wrong, or only computed."""
    return _WRONG.search(text, max(0, cue.start() - 24), cue.start())


def _stated(cue: re.Match[str], text: str) -> str:
    content = _after(text, cue.end())
    if any(cue.groupdict().values()) or _before(cue, text):
        content = f"not {content}"
    but = NOT_BUT.match(content)
    return content[but.end() :] if but else content


def _correction(text: str, cue: re.Match[str]) -> tuple[int, str] | None:
    """A later "but it is C" in the paragraph of the last phrase that states an answer."""
    following = text[cue.end() : cue.end() + _SHORT].split("\n\n", 1)[0]
    denied = following.lstrip()[:4] == "not " or any(cue.groupdict().values())
    for found in (_SETTLES if denied else _CORRECTION).finditer(following):
        if _SHORT_ANSWER.match(following, found.end()):
            return cue.end() + found.end(), following[found.end() :].split("\n", 1)[0].strip()
    return None


def _after(text: str, start: int) -> str:
    """What follows a phrase: the rest of its line, or the next line or displayed formula when that says nothing."""
    following = text[start : start + _STATEMENT_LIMIT]
    display = _DISPLAY.match(following)
    if display:
        return (display.group(1) or display.group(2)).strip()
    for line in following.split("\n")[:4]:
        if not _BLANK.fullmatch(line):
            return line.strip().lstrip("*_ ")
    return ""

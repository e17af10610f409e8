"""Find where a response states its final answer. Knows nothing about what kind of answer it is.

A response is untrusted and may be huge: everything here is linear in its length (bounded repeats, plain string
searches), and at most `LIMIT` characters from its end are searched.
"""

import re
from typing import NamedTuple

LIMIT = 100_000
"""Characters of a response that are searched, counted from its end."""

_BOXES_TRIED = 50
_STATEMENT_LIMIT = 4_000


class Statement(NamedTuple):
    """A place that states an answer.

    Attributes:
        text: What stands there, with its markup.
        rest: The same, with everything that follows it.
        explicit: Whether the response marks it as its answer (a tag, a box, "the answer is"); otherwise it is the
            whole text, in which a reader would look for the answer last.
    """

    text: str
    rest: str
    explicit: bool


_BE = r"(?:is|was|are|would be|should be|will be|must be|=)"
_ANSWER = r"(?:answers?|option|choice|solution)"
_CUE = re.compile(
    rf"""
      \b(?:final|correct|right|best)\ {_ANSWER}(?:\ here)?[*_]{{0,3}}(?:\s{{0,3}}:|\s{{1,3}}{_BE}\b)[*_]{{0,3}}\s{{0,3}}:?
    | \banswers?[*_]{{0,3}}\s{{0,3}}(?::|：|=(?!=)|\b{_BE}\b(?:[*_]{{0,3}}\s{{0,2}}:)?)
    | \banswer\ (?:to\ [^\n:.]{{1,200}}?|\([^\n)]{{1,40}}\))\s{{0,2}}(?:\bis\b|:)
    | \b(?:respuesta|réponse|reponse|resposta|risposta|antwort|odpowiedź|odpověď|antwoord|cevap|svar)\b
      (?:\ (?:final|finale|correcta|correcte|correta|corretta|richtige))?[*_]{{0,3}}\s{{0,3}}(?::|\b(?:es|est|é|è|ist|to|je|is|är)\b:?)
    | \b(?:ответ|відповідь)(?:ы|ом)?\b[*_]{{0,3}}\s{{0,3}}(?::|—|–|-|это)
    | 答案(?:应该|應該)?\s{{0,3}}(?:是|为|為|选|選|:|：)\s{{0,3}}[:：]?
    | (?:答え|正解)\s{{0,3}}(?:は|:|：)
    | (?:정답|답)\s{{0,3}}(?:은|는|:)
    | (?:الإجابة|الجواب)(?:\s(?:الصحيحة|النهائية|الصحيح|النهائي))?\s{{0,3}}(?:هي|هو|:)
    | (?:उत्तर)\s{{0,3}}(?:है|:)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_ANSWER_OPEN, _ANSWER_CLOSE = re.compile(r"<answer>", re.IGNORECASE), re.compile(r"</answer>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}(?=[{ \w])")
_BLANK = re.compile(r"[\s*_$\\\[\]():#>`-]*")
_DISPLAY = re.compile(r"[\s*_:]{0,9}(?:\$\$(.{1,2000}?)\$\$|\\\[(.{1,2000}?)\\\])", re.DOTALL)


def visible(response: str) -> str:
    """What a response says outside its thinking: after the last `</think>`, and before a `<think>` left open.

    A response that never stops thinking says nothing. A stray `</think>` at the very end is ignored.
    """
    segments = response.split(_THINK_CLOSE)
    said = segments[-1].split(_THINK_OPEN, 1)[0]
    if not said.strip() and len(segments) > 2:
        said = segments[-2].split(_THINK_OPEN, 1)[0]
    return said[-LIMIT:]


def statements(response: str) -> list[Statement]:
    """The places that state an answer, the one that counts first.

    The content of the last non-empty `<answer>` (closed, or cut off by the end) counts before anything else;
    then whatever comes last of boxes and phrases such as "the answer is"; then the text as a whole.
    """
    said = visible(response)
    tagged = _tagged(said)
    text = said if tagged is None else tagged
    found = [*_boxes(text), *_phrases(text)]
    found.sort(key=lambda place: place[0], reverse=True)
    marked = [Statement(content, text[start:], True) for start, content in found]
    return [*marked, Statement(text.strip(), text, tagged is not None)]


def _tagged(text: str) -> str | None:
    opens = list(_ANSWER_OPEN.finditer(text))
    for i in range(len(opens) - 1, -1, -1):
        end = opens[i + 1].start() if i + 1 < len(opens) else len(text)
        closed = _ANSWER_CLOSE.search(text, opens[i].end(), end)
        content = text[opens[i].end() : closed.start() if closed else end].strip()
        if content:
            return content
    return None


def _boxes(text: str) -> list[tuple[int, str]]:
    """The content of the last `\\boxed{…}` that is closed, and of those after it on the same line."""
    found: list[tuple[int, str]] = []
    for match in list(_BOX.finditer(text))[-_BOXES_TRIED:]:
        content = _braced(text, match.end())
        if content and content.strip():
            found.append((match.start(), content.strip()))
    if len(found) < 2:
        return found
    last = len(found) - 1
    while last > 0 and _joined(text[found[last - 1][0] : found[last][0]], found[last - 1][1]):
        last -= 1
    together = ", ".join(content for _, content in found[last:])
    return [*found[:last], (found[-1][0], together)]


def _joined(between: str, content: str) -> bool:
    """Whether nothing but "and", "or" or a comma separates a box from the next one."""
    gap = between.rsplit(content, 1)[-1]
    return (
        re.fullmatch(r"[\s}$,;\\()]*(?:and|or|text\{ ?(?:and|or) ?)?[\s}$,;\\()]*", gap) is not None and len(gap) < 40
    )


def _braced(text: str, start: int) -> str | None:
    if not text.startswith("{", start):
        word = re.compile(r"\w{1,20}").match(text, start)
        return word.group() if word else None
    depth = 0
    for i in range(start, min(len(text), start + _STATEMENT_LIMIT)):
        if text[i] == "{" and text[i - 1] != "\\":
            depth += 1
        elif text[i] == "}" and text[i - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[start + 1 : i]
    return None


def _phrases(text: str) -> list[tuple[int, str]]:
    return [(m.start(), content) for m in _CUE.finditer(text) if (content := _after(text, m.end()))]


def _after(text: str, start: int) -> str:
    """What follows a phrase: the rest of its line, or the next line or displayed formula when that says nothing."""
    following = text[start : start + _STATEMENT_LIMIT]
    display = _DISPLAY.match(following)
    if display:
        return (display.group(1) or display.group(2)).strip()
    for line in following.split("\n")[:4]:
        if not _BLANK.fullmatch(line):
            return line.strip()
    return ""

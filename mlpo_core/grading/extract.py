"""Find where a response states its final answer. Knows nothing about what kind of answer it is.

A response is untrusted and may be huge: everything here is linear in its length (bounded repeats, plain string
searches), and at most `LIMIT` characters from its end are searched.
"""

import itertools
import re
from typing import NamedTuple

from mlpo_core.grading.dressing import json_answers, plain, without_chat_markers
from mlpo_core.grading.languages import foreign_cues

LIMIT = 100_000
"""Characters of a response that are searched, counted from its end."""

_BOXES_TRIED = 50
_PHRASES_READ = 100
_STATEMENT_LIMIT = 4_000


class Statement(NamedTuple):
    """A place that states an answer.

    Attributes:
        text: What stands there, with its markup.
        rest: The same, with what follows it.
        explicit: Whether the response marks it as its answer (a tag, a box, "the answer is"); otherwise it is the
            whole text, in which a reader would look for the answer last.
    """

    text: str
    rest: str
    explicit: bool


_BE = (
    r"(?:(?:is|was|are)(?P<denied{0}>n['’]t)?"
    r"|(?:would|should|will|must|can|could|might|has\ to|seems\ to|appears\ to|ought\ to)\ (?:only\ )?be|=)"
)
_ANSWER = r"(?:answers?|option|choice|solution)"
_CUE = re.compile(
    rf"""
      \b(?:final|correct|right|best)[\ _]{_ANSWER}(?:\ here)?[*_]{{0,3}}
      (?:\s{{0,3}}:|\s{{1,3}}{_BE.format(1)}(?!\w))[*_]{{0,3}}\s{{0,3}}:?
    | \banswers?[*_]{{0,3}}\s{{0,3}}(?::|=(?!=)|\b{_BE.format(2)}(?!\w)(?:[*_]{{0,3}}\s{{0,2}}:)?)
    | \banswer\ (?:to\ [^\n:.]{{1,200}}?|\([^\n)]{{1,40}}\))\s{{0,2}}(?:\bis\b|:)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WRONG = re.compile(r"\b(?:(wrong|incorrect|false|worst|bad|unlikely)|calculated|computed)\s{1,3}\Z", re.IGNORECASE)
_IF = re.compile(r"\b[Ii]f\b[^.!?\n]{0,200}\Z")
_CORRECTION = re.compile(
    r"\b(?:but|actually|no|not|hmm|wait|hold\son|rather|sorry|mis\w{3,12}|mistake|instead|correction)\b[^\n]{0,60}?"
    r"\b(?:it|that|this|answer)(?:['’]s|\s(?:is|should\sbe|must\sbe|would\sbe))\s(?:actually\s|really\s)?",
    re.IGNORECASE,
)
_SETTLES = re.compile(r"\b(?:it|that)(?:['’]s|\s(?:is|should\sbe|must\sbe))\s(?:actually\s|really\s)?", re.IGNORECASE)
_SHORT_ANSWER = re.compile(r"[*(]{0,3}(?:[A-Z]\)?|[-$]{0,2}\d[\d,./]{0,40})[*)]{0,3}\s{0,2}(?:[.,;!]|$)", re.MULTILINE)
_BUT = re.compile(r"not\s[^.\n]{1,60}?[,;]?\s(?:but|rather)\s(?:rather\s|it\sis\s)?(?=\S)", re.IGNORECASE)
_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_ANSWER_OPEN, _ANSWER_CLOSE = re.compile(r"<answer>", re.IGNORECASE), re.compile(r"</answer>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}(?=[{ \w])")
_BLANK = re.compile(r"[\s*_$\\\[\]():#>`-]*")
_DISPLAY = re.compile(r"[\s*_:]{0,9}(?:\$\$(.{1,2000}?)\$\$|\\\[(.{1,2000}?)\\\])", re.DOTALL)


_QUESTION = re.compile(
    r"^[\s>#*_\d.)-]{0,12}(?:Q(?:uestion)?\s?\d{0,3}|(?:Problem|Task|List|Set|Puzzle|Exercise)\s?#?\d{1,3})\s?[*_]{0,3}\s?(?:[:.)]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED_QUESTION = re.compile(
    r"^[\s>#*_-]{0,9}(?:Q(?:uestion)?|Problem|Task|List|Set|Puzzle|Exercise)\s?#?\d", re.IGNORECASE | re.MULTILINE
)
_ANSWER_OF_LIST = re.compile(
    r"[\s>*_]{0,6}(?:\d{1,3}[.)]|[-*•])(?!\W{0,4}Q(?:uestion)?\s?\d)[^\n]{0,60}?\([A-Z]\)[^\n]{0,100}\Z"
)
_SUMMARY = re.compile(
    r"^[ \t*_#]{0,6}(?:now|finally|so|to|in)?,?[ \t]{0,3}"
    r"(?:let['’]?s|let\sus|we\scan)?[ \t]{0,3}(?:summar|combin|consider|collect|conclu|put|总结)"
    r"[^\n]{0,60}?(?:answers|analysis|deductions|questions|responses|答案|问题|所有|以上)",
    re.IGNORECASE | re.MULTILINE,
)
_HASHES = re.compile(r"^####\s{0,3}(\S[^\n]{0,100})\s{0,9}\Z", re.MULTILINE)
_FEW_SHOT_ANSWER = re.compile(r"^[\s*_#>]{0,6}A:[ \t*]{0,4}(\S[^\n]{0,100})\s{0,9}\Z", re.MULTILINE)
_FINISHED = re.compile(
    r"(?:[.!?\]}\"'”’»…*`$。！？]|(?:\b\w|\d|\\)\)|\n\W{0,6}(?:\(?[A-Z]\)[^\n]{0,60}|[^\n]{0,40}\d[^\n]{0,40}(?<![\\=+*/^({,])))\s*\Z"
)
_SHORT = 400
_FIRST_OPTION = re.compile(r"^[\s>*_-]{0,8}\(?A\)[^\n]{0,200}", re.MULTILINE)


def visible(response: str) -> str:
    """What a response says outside its thinking: after the last `</think>`, and before a `<think>` left open.

    A response that never stops thinking says nothing. A stray `</think>` at the very end is ignored.
    """
    segments = response.split(_THINK_CLOSE)
    said = segments[-1].split(_THINK_OPEN, 1)[0]
    if not said.strip() and len(segments) > 2:
        said = segments[-2].split(_THINK_OPEN, 1)[0]
    return plain(without_chat_markers(said.rstrip()[-LIMIT:]))


def answers_several(response: str) -> bool:
    """Whether a response answers several questions and does not say which answer is its last word.

    Models do so that take a few-shot prompt for a list of tasks. The last of numbered questions is the one asked,
    and its answer the last word, unless a list of answers follows that does not name the questions.
    """
    said = visible(response)
    if _ANSWER_OPEN.search(said):
        return False
    last = [line for line in said[-2_000:].split("\n") if line.strip()][-2:]
    if len(last) == 2 and all(_ANSWER_OF_LIST.match(line) for line in last):
        return True
    several = len(_QUESTION.findall(said)) > 1 or len(set(_FIRST_OPTION.findall(said))) > 2
    return several and len(_NUMBERED_QUESTION.findall(said)) < 2


def is_cut_off(text: str) -> bool:
    """Whether a long text ends in mid-sentence: it has not come to its answer."""
    tail = text[-100:]
    return len(text) > _SHORT and not _FINISHED.search(tail) and not _CUE.search(tail.rstrip().rsplit("\n", 1)[-1])


def statements(response: str) -> list[Statement]:
    """The places that state an answer, the one that counts first.

    The content of the last non-empty `<answer>` (closed, or cut off by the end) counts before anything else;
    then whatever comes last of boxes and phrases such as "the answer is"; then the text as a whole. A question that
    follows an answer was made up by the model, and nothing from there on counts.
    """
    said = visible(response)
    tagged = _tagged(said)
    text = _before_summary(_before_next_question(said)) if tagged is None else tagged
    boxes, inside = _boxes(text)
    phrases = [(start, said) for start, said in _phrases(text) if not any(a < start <= b for a, b in inside)]
    found = [*boxes, *phrases, *json_answers(text)]
    found.sort(key=lambda place: place[0], reverse=True)
    marked = [Statement(content, text[start : start + _STATEMENT_LIMIT], True) for start, content in found]
    return [*marked, Statement(text.strip(), text, tagged is not None)]


def _before_next_question(text: str) -> str:
    if not _QUESTION.search(text):
        return text
    first = _first_answer(text)
    if _QUESTION.search(text, 0, first):
        return text
    question = _QUESTION.search(text, first)
    return text[: question.start()] if question else text


def _before_summary(text: str) -> str:
    """The text up to where a response that answered all questions of its prompt sums their answers up."""
    summary = _SUMMARY.search(text)
    return text[: summary.start()] if summary and _first_answer(text[: summary.start()]) < summary.start() else text


def _first_answer(text: str) -> int:
    said = (m.start() for m in _CUE.finditer(text) if text[m.end() : m.end() + 200].split("\n", 1)[0].strip())
    return next(said, len(text))


def _tagged(text: str) -> str | None:
    opens = list(_ANSWER_OPEN.finditer(text))
    for i in range(len(opens) - 1, -1, -1):
        end = opens[i + 1].start() if i + 1 < len(opens) else len(text)
        closed = _ANSWER_CLOSE.search(text, opens[i].end(), end)
        content = text[opens[i].end() : closed.start() if closed else end].strip()
        if content:
            return content
    return None


def _boxes(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
    """What every closed `\\boxed{…}` holds, the last ones as one if nothing stands between them; and their spans."""
    found: list[tuple[int, int, str]] = []
    for match in list(_BOX.finditer(text))[-_BOXES_TRIED:]:
        content = _braced(text, match.end())
        if content and content.strip():
            found.append((match.start(), match.end() + len(content) + 2, content.strip()))
    spans = [(start, end) for start, end, _ in found]
    last = len(found) - 1
    while last > 0 and _joined(text[found[last - 1][1] : found[last][0]], found[last - 1][2], found[last][2]):
        last -= 1
    together = ", ".join(content for _, _, content in found[max(last, 0) :])
    alone = [(start, content) for start, _, content in found[: max(last, 0)]]
    return [*alone, *([(found[-1][0], together)] if found else [])], spans


_GAP = re.compile(
    r"[\s$,;.()\[\]*•&-]*(?:and|or)?[\s$,;.()\[\]*•&-]*(?:[A-Za-z](?:_\{?\w\}?)?\s?=)?[\s$,;.()\[\]*•&-]*",
    re.IGNORECASE,
)


def _joined(gap: str, content: str, following: str) -> bool:
    """Whether nothing but "and", "or", a comma or a name and "=" separates a box from the next one."""
    if len(gap) > 60 or content == following:
        return False
    words = re.sub(r"\\(?:text|mbox|textrm)\s?\{([^{}]{0,20})\}|\\(?:q?quad|[,;:! \[\]()\\])", r" \1 ", gap)
    return _GAP.fullmatch(words) is not None


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
    cues = [m for m in _CUE.finditer(text) if (wrong := _before(m, text)) is None or wrong.group(1)]
    cues += foreign_cues(text)
    cues.sort(key=lambda cue: cue.end())
    sure = [m for m in cues if not (m.group().endswith("be") and _IF.search(text, max(0, m.start() - 200), m.start()))]
    cues = sure or cues
    # The first shows whether a response answers several questions; of the rest only the last can matter.
    cues = [*cues[:1], *cues[1:][-_PHRASES_READ:]]
    places = [(m.end(), _stated(m, text)) for m in cues]
    found = [(start, content) for start, content in places if content and not _QUESTION.match(content)]
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
    return _WRONG.search(text, max(0, cue.start() - 16), cue.start())


def _stated(cue: re.Match[str], text: str) -> str:
    content = _after(text, cue.end())
    if any(cue.groupdict().values()) or _before(cue, text):
        content = f"not {content}"
    but = _BUT.match(content)
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

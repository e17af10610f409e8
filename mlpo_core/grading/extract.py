"""Find where a response states its final answer. Knows nothing about what kind of answer it is.

A response is untrusted and may be huge: everything here is linear in its length (bounded repeats, plain string
searches), and at most `LIMIT` characters from its end are searched.
"""

import re
from typing import NamedTuple

from mlpo_core.grading.boxes import boxes_of
from mlpo_core.grading.cues import CUE, QUESTION, phrases_of
from mlpo_core.grading.dressing import json_answers, plain, without_chat_markers

LIMIT = 100_000
"""Characters of a response that are searched, counted from its end."""

_STATEMENT_LIMIT = 4_000
_SHORT = 400
_TAGS_READ = 50
_TAG_GAP = 30


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


_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_ANSWER_OPEN, _ANSWER_CLOSE = (re.compile(rf"<{slash}(?:final[_ ]?)?answer>", re.IGNORECASE) for slash in ("", "/"))
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
_FINISHED = re.compile(
    r"(?:[.!?\]}\"'”’»…*`$。！？]|(?:\b\w|\d|\\)\)|\n\W{0,6}(?:\(?[A-Z]\)[^\n]{0,60}|[^\n]{0,40}\d[^\n]{0,40}(?<![\\=+*/^({,])))\s*\Z"
)
_FIRST_OPTION = re.compile(r"^[\s>*_-]{0,8}\(?A\)[^\n]{0,200}", re.MULTILINE)


def visible(response: str) -> str:
    """What a response says outside its thinking, with look-alike characters made plain."""
    return plain(spoken(response))


def spoken(response: str) -> str:
    """What a response says outside its thinking: after the last `</think>`, and before a `<think>` left open.

    A response that never stops thinking says nothing. A stray `</think>` at the very end is ignored.
    """
    segments = response.split(_THINK_CLOSE)
    said = segments[-1].split(_THINK_OPEN, 1)[0]
    if not said.strip() and len(segments) > 2:
        said = segments[-2].split(_THINK_OPEN, 1)[0]
    return without_chat_markers(said.rstrip()[-LIMIT:])


def tagged(text: str) -> str | None:
    """What the last answer tag with content holds; all of them as a list where three or more differ in a row."""
    opens = list(_ANSWER_OPEN.finditer(text))[-_TAGS_READ:]
    found: list[tuple[int, int, str]] = []
    for i, tag in enumerate(opens):
        end = opens[i + 1].start() if i + 1 < len(opens) else len(text)
        closed = _ANSWER_CLOSE.search(text, tag.end(), end)
        content = text[tag.end() : closed.start() if closed else end].strip()
        if content:
            found.append((tag.start(), closed.end() if closed else end, content))
    if not found:
        return None
    first = len(found) - 1
    while first and found[first][0] - found[first - 1][1] < _TAG_GAP:
        first -= 1
    row = list(dict.fromkeys(content for _, _, content in found[first:]))
    return ", ".join(row) if len(row) > 2 else found[-1][2]


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
    several = len(QUESTION.findall(said)) > 1 or len(set(_FIRST_OPTION.findall(said))) > 2
    return several and len(_NUMBERED_QUESTION.findall(said)) < 2


def is_cut_off(text: str) -> bool:
    """Whether a long text ends in mid-sentence: it has not come to its answer."""
    tail = text[-100:]
    return len(text) > _SHORT and not _FINISHED.search(tail) and not CUE.search(tail.rstrip().rsplit("\n", 1)[-1])


def statements(response: str) -> list[Statement]:
    """The places that state an answer, the one that counts first.

    The content of the last non-empty `<answer>` (closed, or cut off by the end) counts before anything else;
    then whatever comes last of boxes and phrases such as "the answer is"; then the text as a whole. A question that
    follows an answer was made up by the model, and nothing from there on counts.
    """
    said = visible(response)
    inside = tagged(said)
    text = _before_summary(_before_next_question(said)) if inside is None else inside
    boxes, spans = boxes_of(text)
    phrases = [(start, said) for start, said in phrases_of(text) if not any(a < start <= b for a, b in spans)]
    found = [*boxes, *phrases, *json_answers(text)]
    found.sort(key=lambda place: place[0], reverse=True)
    marked = [Statement(content, text[start : start + _STATEMENT_LIMIT], True) for start, content in found]
    return [*marked, Statement(text.strip(), text, inside is not None)]


def _before_next_question(text: str) -> str:
    if not QUESTION.search(text):
        return text
    first = _first_answer(text)
    if QUESTION.search(text, 0, first):
        return text
    question = QUESTION.search(text, first)
    return text[: question.start()] if question else text


def _before_summary(text: str) -> str:
    """The text up to where a response that answered all questions of its prompt sums their answers up."""
    summary = _SUMMARY.search(text)
    return text[: summary.start()] if summary and _first_answer(text[: summary.start()]) < summary.start() else text


def _first_answer(text: str) -> int:
    said = (m.start() for m in CUE.finditer(text) if text[m.end() : m.end() + 200].split("\n", 1)[0].strip())
    return next(said, len(text))

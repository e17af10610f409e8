"""What stands in the boxes of a response, those that make one answer together as one."""

import re

_BOXES_TRIED = 50
_LIMIT = 4_000
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}(?=[{ \w])")


def boxes_of(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
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
    for i in range(start, min(len(text), start + _LIMIT)):
        if text[i] == "{" and text[i - 1] != "\\":
            depth += 1
        elif text[i] == "}" and text[i - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[start + 1 : i]
    return None

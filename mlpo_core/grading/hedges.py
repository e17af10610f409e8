"""Denials, bounds and reasons around an answer: what makes of a stated value none, and where its statement ends."""

import re

_DENIED = re.compile(
    r"[\s*_\"'(:]{0,9}(?:(?:definitely|certainly|probably|clearly|surely)\s)?"
    r"(?:not\b|neither\b|n['’]t\b|cannot\b|never\b|other\sthan\b|(?:anything|everything|any|all|none)\s(?:of\sthese\s)?(?:but|except|other\sthan)\b)",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"(?:では|じゃ|で)(?:ない|ありません)|[이가]?\s?아[니닙]|不是答案|是?不(?:对|正确|正確)|是?错(?:误|的)|नहीं|değil"
    r"|\bis\s(?:not|wrong|incorrect|false)\b|\bisn['’]t\b"
)
_BOUNDED = re.compile(
    r"\b(?:(?:more|less|greater|fewer|larger|smaller|higher|lower|bigger)\s(?:or\sequal\s)?(?:than|to)|at\s(?:least|most)|no\s(?:more|less|fewer)\sthan"
    r"|(?:not|isn't|n't)\s(?:equal\sto|exactly)|(?:not|isn't|never|neither|nor)|between|up\sto|min(?:imum)?(?:\sof)?|max(?:imum)?(?:\sof)?|under|over|above|below|anything\s(?:but|except)"
    r"|except|other\sthan|either)\s(?:the\s|an?\s)?\Z"
    r"|(?:[<>≤≥≠]|&lt;|&gt;|!=|\\(?:le|ge|lt|gt|ne|leq|geq|neq))\s{0,3}\Z",
    re.IGNORECASE,
)
_OR_MORE = re.compile(
    r"\s{0,2}(?:\+(?!\s?\d)|[A-Za-z%°]{0,20}\s{0,2}(?:or|and)\s(?:more|less|fewer|greater|higher|lower|larger|smaller|above|below|up|over|under|beyond)\b)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"[,;]?\s(?:because|since|although|though|while|whereas|rather\sthan|instead\sof|as\sopposed\sto|and\snot|but|not|unlike|namely"
    r"|due\sto|given\sthat|so\sthat|as\s(?=it|the|we|this|that|they|all)|which|where|whose)\b"
    r"|\s(?:i\.e\.|e\.g\.)|\n|(?<=[a-z\d)][.!?])\s|[;—–](?=\s)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\W{0,9}(?:what|which|how|who|where|when|is|are|does|do|can|find|compute|evaluate|calculate|determine|expand|simplify|factor|solve|express"
    r"|enter|write|give|state|prove|show|round|answer|choose|select|list)\b",
    re.IGNORECASE,
)


def asks(text: str) -> bool:
    """Whether a text ends in a question or a request, as a task does and an answer does not."""
    sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n+", text[-2_000:].strip()) if s.strip(" $*")]
    if not sentences:
        return False
    last = sentences[-1].rstrip(" $*")
    return last.endswith("?") or (
        _ASKS.match(last) is not None and "=" not in last.rsplit("$", 2)[-1] and "is" not in last.split()
    )


def denied(text: str) -> bool:
    """Whether a statement says what the answer is not."""
    return _DENIED.match(text) is not None


def bounded(before: str) -> bool:
    """Whether the words before a value make a bound or a denial of it: "at least", "<", "not"."""
    return _BOUNDED.search(before[-40:]) is not None


def open_ended(following: str) -> bool:
    """Whether the words after a value make a bound of it: "or more", "+"."""
    return _OR_MORE.match(following) is not None


def main_clause(text: str) -> str:
    """A statement up to where a reason, an exception, a remark or the next sentence begins."""
    end = _REASON.search(text, 1)
    return text[: end.start()] if end else text


def denied_after(following: str) -> bool:
    """Whether what stands after a value takes it back, as languages do that deny at the end of the sentence."""
    return _DENIED_AFTER.search(following) is not None

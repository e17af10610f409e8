"""Denials, bounds and reasons around an answer: what makes of a stated value none, and where its statement ends."""

import re

_DENIED = re.compile(
    r"[\s*_\"'(:]{0,9}(?:(?:definitely|certainly|probably|clearly|surely)\s)?"
    r"(?:not\b|neither\b|n['’]t\b|cannot\b|never\b|other\sthan\b|(?:anything|everything|any|all|none)\s(?:of\sthese\s)?(?:but|except|other\sthan)\b)",
    re.IGNORECASE,
)
_BOUNDED = re.compile(
    r"\b(?:(?:more|less|greater|fewer|larger|smaller|higher|lower|bigger)\s(?:or\sequal\s)?(?:than|to)|at\s(?:least|most)|no\s(?:more|less|fewer)\sthan"
    r"|(?:not|isn't|n't)\s(?:equal\sto|exactly)|(?:not|isn't|never|neither|nor)|between|up\sto|under|over|above|below|anything\s(?:but|except)"
    r"|except|other\sthan|either)\s(?:the\s|an?\s)?\Z"
    r"|(?:[<>≤≥≠]|&lt;|&gt;|!=|\\(?:le|ge|lt|gt|ne|leq|geq|neq))\s{0,3}\Z",
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


def main_clause(text: str) -> str:
    """A statement up to where a reason, an exception, a remark or the next sentence begins."""
    end = _REASON.search(text, 1)
    return text[: end.start()] if end else text

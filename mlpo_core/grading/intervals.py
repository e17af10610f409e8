"""Inequalities in one variable as intervals: `x < 2 or x > 3` is `(-\\infty,2)\\cup(3,\\infty)`."""

import re

from mlpo_core.grading.latex import rational

_SET = re.compile(r"\\?\{\s?[A-Za-z]\s?(?:\\in\s?\\mathbb\{R\}\s?)?(?:\\mid|\||:)\s?(.{1,300}?)\\?\}")
_EITHER = re.compile(r"\s(?:or|\\lor|\\vee|\\cup)\s|,\s?(?=[A-Za-z]\s?[<>\\])")
_BOTH = re.compile(r"\sand\s|\s(?:\\land|\\wedge)\s|,\s?(?=[A-Za-z]\s?[<>\\])")
_TURNED_OUT = re.compile(r"([\[\]])([^\[\]()]{1,60}[,;][^\[\]()]{1,60})([\[\]])")
"""An interval whose brackets are turned outwards at its open ends: `]0, 1[`."""
_SIGN = re.compile(r"(\\(?:le|ge|lt|gt)(?![A-Za-z])|<|>)")
_LOWER = {"<": ("(", ")"), "\\lt": ("(", ")"), "\\le": ("[", "]")}
_TURNED = {">": "<", "\\gt": "<", "\\ge": "\\le"}


def as_intervals(text: str) -> str | None:
    """An inequality, or several joined by "or", in interval notation; None for anything else."""
    inside = _SET.fullmatch(text)
    said = inside.group(1) if inside else text
    if said.startswith("]") or said.endswith("["):
        return _TURNED_OUT.sub(_turned_in, said)
    both = [_interval(part) for part in _BOTH.split(said)]
    if len(both) == 2 and (joined := _meeting(both[0], both[1])) is not None:
        return joined
    parts = [_interval(part) for part in _EITHER.split(said)]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return "\\cup".join(sorted(known, key=lambda part: not part.startswith("(-\\infty")))


def _turned_in(interval: re.Match[str]) -> str:
    left, inside, right = interval.groups()
    return f"{'(' if left == ']' else '['}{inside}{')' if right == '[' else ']'}"


def _interval(text: str) -> str | None:
    terms = [term.strip() for term in _SIGN.split(text)]
    if len(terms) == 5 and terms[1] in _TURNED and terms[3] in _TURNED:
        terms = [terms[4], _TURNED[terms[3]], terms[2], _TURNED[terms[1]], terms[0]]
    if len(terms) == 5 and terms[1] in _LOWER and terms[3] in _LOWER and _variable(terms[2]):
        return f"{_LOWER[terms[1]][0]}{terms[0]},{terms[4]}{_LOWER[terms[3]][1]}"
    if len(terms) != 3 or not all(terms):
        return None
    left, sign, right = terms
    if not _variable(left):
        left, sign, right = right, _TURNED.get(sign) or {"<": ">", "\\lt": ">", "\\le": "\\ge"}[sign], left
    if not _variable(left) or _variable(right):
        return None
    if sign in _TURNED:
        return f"{_LOWER[_TURNED[sign]][0]}{right},\\infty)"
    return f"(-\\infty,{right}{_LOWER[sign][1]}"


def _meeting(first: str | None, second: str | None) -> str | None:
    """The interval that two half-lines have in common, if one is open to the left and one to the right."""
    if first is None or second is None:
        return None
    left, right = (first, second) if second.startswith("(-\\infty,") else (second, first)
    if not right.startswith("(-\\infty,") or not left.endswith(",\\infty)"):
        return None
    low, high = rational(left[1:].removesuffix(",\\infty)")), rational(right.removeprefix("(-\\infty,")[:-1])
    if low is not None and high is not None and low > high:
        return None
    return left.removesuffix("\\infty)") + right.removeprefix("(-\\infty,")


def _variable(text: str) -> bool:
    return re.fullmatch(r"\\?[A-Za-z]{1,8}", text) is not None and (len(text) == 1 or text.startswith("\\"))

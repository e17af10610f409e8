"""Inequalities in one variable as intervals: `x < 2 or x > 3` is `(-\\infty,2)\\cup(3,\\infty)`."""

import re

_SET = re.compile(r"\\?\{\s?[A-Za-z]\s?(?:\\in\s?\\mathbb\{R\}\s?)?(?:\\mid|\||:)\s?(.{1,300}?)\\?\}")
_EITHER = re.compile(r"\s(?:or|\\lor|\\vee|\\cup)\s|,\s?(?=[A-Za-z]\s?[<>\\])")
_SIGN = re.compile(r"(\\le|\\ge|\\lt|\\gt|<|>)(?![A-Za-z])")
_LOWER = {"<": ("(", ")"), "\\lt": ("(", ")"), "\\le": ("[", "]")}
_TURNED = {">": "<", "\\gt": "<", "\\ge": "\\le"}


def as_intervals(text: str) -> str | None:
    """An inequality, or several joined by "or", in interval notation; None for anything else."""
    inside = _SET.fullmatch(text)
    parts = [_interval(part) for part in _EITHER.split(inside.group(1) if inside else text)]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return "\\cup".join(sorted(known, key=lambda part: not part.startswith("(-\\infty")))


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


def _variable(text: str) -> bool:
    return re.fullmatch(r"\\?[A-Za-z]{1,8}", text) is not None and (len(text) == 1 or text.startswith("\\"))

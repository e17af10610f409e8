"""Find the expression that a response gives as its answer: a formula or number, or what stands in a box."""

import itertools
import re
from typing import NamedTuple

from mlpo_core.grading.extract import is_cut_off, statements
from mlpo_core.grading.hedges import asks, bounded, denied
from mlpo_core.grading.words import CHANGED, NUMBER_WORDS

_INLINE = re.compile(
    r"\$\$([^$]{1,1000})\$\$|\\\[((?:[^\\]|\\(?!\])){1,1000})\\\]|\$([^$\n]{1,1000})\$|\\\(((?:[^\\]|\\(?!\))){1,1000})\\\)"
)
_PLAIN = re.compile(
    r"-?\(?\$?-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+|(?=\.\d))(?:\.\d+)?(?:\s?/\s?\d+|[½⅓⅔¼¾]|:\d+)?%?|-?[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]"
)
_PROSE = re.compile(r"(?<!\\)\b[A-Za-z]{2,}\b")
_NOT_PROSE = re.compile(r"\b(?:pi|sqrt|alpha|beta|gamma|delta|theta|log|ln|sin|cos|tan|exp|or|and)\b")
_VERB = re.compile(r"\b(?:is|are|be|equals?|equal\sto|was|were|=)\s", re.IGNORECASE)
_REMARK = re.compile(
    r"\s\(?(?:\\text\s?\{\s?)?\(\s?(?:(?:since|because|as|which|from|or)\b|i\.e\.)"
    r"|(?<=[\d}])\s\([A-Za-z ]{1,40}\)(?=\s?\$?\.?$)"
)
_NOTED = re.compile(r",?\s(?:because|since|due\sto|rather\sthan|instead\sof)\b|,\s(?:and\s)?not\s(?=[$\d\\])")
_POINT = re.compile(
    r"(?<=[A-Za-z]\s)[(\[{]\s?[^()\[\]{}$A-Za-z\n]{1,60},[^()\[\]{}$A-Za-z\n]{1,60}[)\]}](?=[\s.,;]|\Z)"
)
_LEAD = re.compile(
    r"(?:\s{0,9}(?:(?:=>|⇒|→|∴|\\(?:therefore|implies|Rightarrow|to|boxed))\s{0,9}"
    r"|(?:total|result|therefore|thus|hence|so|then|finally|value|sum|ans)\b\s?[,:]\s{0,9}|answer\s{1,3}(?=[$\\\d-]))){1,3}",
    re.IGNORECASE,
)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af、。「」]+")
_EAST_ASIAN_IS = re.compile(r"是|为|為|等于|等於|は|은|는")
_JOINED = re.compile(r"[\s,]{0,5}(?:and|or)[\s,]{0,5}")
_JOINED_OR_COMMA = re.compile(r"\s{0,5},[\s,]{0,5}(?:and|or)?\s{0,5}|[\s,]{0,5}(?:and|or)[\s,]{0,5}")
_NUMBER_LIST = re.compile(
    r"(?<![\w.])-?\d{1,12}(?:\.\d{1,12}|/\d{1,12})?(?:,\s-?\d{1,12}(?:\.\d{1,12}|/\d{1,12})?){0,20},?\s(?:and|or)\s-?\d{1,12}(?:\.\d{1,12}|/\d{1,12})?(?=[.\s]{0,3}\Z)"
)
"""A list of numbers that ends a sentence: "1, 2, and 3"."""
_CONDITION = re.compile(r"\b(?:if|when|for\s(?:even|odd|all))\b", re.IGNORECASE)
_MATRIX = re.compile(r"\\begin\{[a-z]{0,2}matrix\}.{1,2000}\\end\{[a-z]{0,2}matrix\}", re.DOTALL)


class Expression(NamedTuple):
    """An answer as it stands in a response.

    Attributes:
        text: The expression.
        whole: The statement that it was taken from.
        in_sentence: Whether it was taken from a sentence, where an equation may end in the answer.
    """

    text: str
    whole: str
    in_sentence: bool


def stated_expression(response: str) -> Expression | None:
    """The expression that a response gives as its answer; None where it gives none, or says what it is not."""
    for place in statements(response):
        if not place.explicit:
            return _guess(place.text)
        if denied(place.text):
            return None
        found = _trim(place.text)
        if found and found.text:
            return found
    return None


def _trim(text: str) -> Expression | None:
    """The expression in a marked answer, without the sentence around it."""
    text = text.strip().strip("*").strip().lstrip("}").strip()
    remark = _REMARK.search(text) or _NOTED.search(text)
    whole, text = text, text[: remark.start()] if remark and remark.start() else text
    if not text.isascii() and _EAST_ASIAN.search(text):
        text = _from_east_asian(text)
    formulas = list(_INLINE.finditer(text))
    prose = _NOT_PROSE.sub("", _INLINE.sub(" ", text))
    if len(_PROSE.findall(prose)) > 2 or re.search(r"\bequals\b", prose):
        found = _of_sentence(re.split(r"[.!?]\s", text)[0])
        if found is None:
            found = _word(text)
        return Expression(found, whole, True) if found else None
    if formulas:
        joined = _run(formulas, text)
        if joined != _inside(formulas[0]):
            return Expression(joined, whole, False)
        outside = text[: formulas[0].start()] + text[formulas[0].end() :]
        if not re.search(r"\d", outside):
            return Expression(_inside(formulas[0]), whole, False)
    if bounded(text[: number.start()] if (number := _PLAIN.search(text)) else "") and re.match(r"[A-Za-z\s]{3,}", text):
        return None
    return Expression(re.sub(r"\.(?:\s.*)?$", "", text, flags=re.DOTALL) or text, whole, False)


def _word(text: str) -> str:
    """The word or two that a sentence without numbers says that something is; else the sentence."""
    verbs = list(_VERB.finditer(text))
    said = text[verbs[-1].end() :].strip(" .*") if verbs else ""
    if denied(said):
        return ""
    return said if said and len(said.split()) <= 2 else text


def _from_east_asian(text: str) -> str:
    """The part of a sentence after its last "is" that has a number or formula, without the words around it."""
    for sentence in re.split(r"[。！？]", text)[::-1]:
        if re.search(r"[\d\\$]", sentence):
            text = sentence
            break
    said = [part for part in _EAST_ASIAN_IS.split(text) if re.search(r"[\d\\$]", part)]
    pieces = [piece for piece in _EAST_ASIAN.split(said[-1] if said else text) if re.search(r"[\d\\$A-Za-z]", piece)]
    return pieces[-1].strip(" ,.:*=") if pieces else text


def _of_sentence(text: str) -> str | None:
    """What a sentence says that something is: the formulas or number after its last "is", or else in all of it.

    Returns an empty text where it names a bound, or a value for each of several cases; None where it names nothing.
    """
    if len(_CONDITION.findall(text)) > 1:
        return ""
    verbs = list(_VERB.finditer(text))
    for part in ([text[verbs[-1].end() :]] if verbs else []) + [text]:
        formulas, number, words = list(_INLINE.finditer(part)), _PLAIN.search(part), NUMBER_WORDS.search(part)
        if formulas and not (number and number.start() < formulas[0].start()):
            return "" if bounded(part[: formulas[0].start()]) or denied(part) else _run(formulas, part)
        if number:
            if bounded(part[: number.start()]) or denied(part):
                return ""
            equation = re.match(r"[A-Za-z]\s?=\s?", part.strip())
            changed = CHANGED.match(part, number.end())
            return part.strip() if equation else part[number.start() : changed.end() if changed else number.end()]
        if words and not formulas:
            return words.group()
    return None


def _run(formulas: list[re.Match[str]], text: str) -> str:
    """The first formula, with those that follow it after nothing but "and", "or" or a comma."""
    said = [_inside(formulas[0])]
    for a, b in itertools.pairwise(formulas):
        if not re.fullmatch(r"[\s,]{0,5}(?:and|or)?[\s,]{0,5}", text[a.end() : b.start()]):
            break
        said.append(_inside(b))
    either = any(re.search(r"\bor\b", text[a.end() : b.start()]) for a, b in itertools.pairwise(formulas[: len(said)]))
    inequalities = all(re.search(r"[<>]|\\[lg]e", part) for part in said)
    return (" or " if either and inequalities else ", ").join(part.strip(" ,") for part in said)


def _last_run(formulas: list[re.Match[str]], text: str) -> str:
    first = len(formulas) - 1
    joined = _JOINED  # the last two of a list have "and" or "or" between them
    while first and joined.fullmatch(text[formulas[first - 1].end() : formulas[first].start()]):
        first -= 1
        joined = _JOINED_OR_COMMA
    return _run(formulas[first:], text)


def _inside(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group).strip()


def _guess(text: str) -> Expression | None:
    """The last formula or number of a text that marks no answer."""
    text = _POINT.sub(r"$\g<0>$", text[-3_000:].strip())
    if asks(_LEAD.sub("", text, count=1)):
        return None
    if (matrix := _MATRIX.fullmatch(text.strip("$ "))) and matrix.group().count("\\begin") == 1:
        return Expression(matrix.group(), text, False)
    lead = _LEAD.match(text)
    said = text[lead.end() :] if lead else text
    formulas, numbers = list(_INLINE.finditer(said)), list(_PLAIN.finditer(said))
    one_line = len(said) <= 100 and "\n" not in said
    if one_line and len(formulas) > 1 and _PROSE.search(_NOT_PROSE.sub("", _INLINE.sub(" ", said))):
        return Expression(_last_run(formulas, said), text, True)
    if (
        one_line
        and len(_PROSE.findall(_NOT_PROSE.sub("", _INLINE.sub(" ", said)))) <= 2
        and not _EAST_ASIAN.search(said)
    ):
        return _trim(said)
    if not one_line and is_cut_off(text):
        return None
    if not said.isascii() and _EAST_ASIAN.search(said.rsplit("\n", 1)[-1]):
        return Expression(_from_east_asian(said.rsplit("\n", 1)[-1]), text, True)
    if formulas and (not numbers or numbers[-1].end() <= formulas[-1].end()):
        return Expression(_last_run(formulas, said), text, True)
    last = said.rstrip().rsplit("\n", 1)[-1]
    if "=" in last and not formulas and not _PROSE.search(last.rsplit("=", 1)[1]):
        return Expression(last.rsplit("=", 1)[1].strip(), text, True) if last.rsplit("=", 1)[1].strip() else None
    if listed := _NUMBER_LIST.search(said[-300:]):
        return Expression(re.sub(r",?\s(?:and|or)\s", ", ", listed.group()), text, True)
    if numbers:
        before = said[: numbers[-1].start()]
        unsaid = bounded(before) or _hedged(numbers, said)
        return None if unsaid else Expression(numbers[-1].group(), text, True)
    return _trim(said) if one_line else None


def _hedged(numbers: list[re.Match[str]], text: str) -> bool:
    """Whether the last number is one of two: "7 or 8"."""
    if len(numbers) < 2 or numbers[-1].group() == numbers[-2].group():
        return False
    return re.fullmatch(r"\s?(?:or|-|–|/)\s?", text[numbers[-2].end() : numbers[-1].start()]) is not None

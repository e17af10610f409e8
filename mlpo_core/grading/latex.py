"""Write a mathematical expression in one way: LaTeX, whether it came as LaTeX, as plain text or with Unicode signs."""

import re
import unicodedata
from fractions import Fraction

from mlpo_core.grading.dressing import plain
from mlpo_core.grading.units import without_unit
from mlpo_core.grading.words import (
    CHANGED,
    NUMBER_WORDS,
    changed,
    fraction_in_words,
    value_of,
    without_unicode_numbers,
)

LIMIT = 1_000
"""Longer expressions are not compared: no gold answer comes near."""

_RATIONAL = re.compile(
    r"(?P<minus>-\s?)?(?:(?P<whole>\d{1,30})?\s?\\frac\s?(?:\{(?P<top>\d{1,30})\}\s?\{(?P<bottom>\d{1,30})\})"
    r"|(?P<digits>\d{1,60}(?:\.\d{1,60})?|\.\d{1,60})(?:\s?/\s?(?P<over>\d{1,30}))?)"
)
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mbox|operatorname|emph)\s?\{([^{}]{0,200})\}"
)
_STYLE = re.compile(
    r"\\(?:left|right)\s?\.|\\(?:text)?color\s?\{\w{1,20}\}|\\(?:tiny|small|normalsize|large|Large|LARGE|huge|Huge|bf|rm|it|checkmark|blacksquare"
    r"|square|Box|qed|limits|nolimits|strut|phantom\{\})(?![A-Za-z])|[✓✔■□∎€£¢¥]"
)
_DROPPED = r"""
    \left \right \! \, \; \: \$ $ \% % ^\circ ^{\circ} ° \degree \displaystyle \bigl \bigr \big \Big \boxed
    \cent \pounds \euro
"""
_SIMPLE = dict.fromkeys(_DROPPED.split(), "") | {
    "\\\\": "\\\\",  # a row of a matrix ends: not a backslash and a space
    "\\ ": " ", "\\quad": " ", "\\qquad": " ", "~": " ", "{,}": ",",
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac",
    "\\sfrac": "\\frac", "\\nicefrac": "\\frac", "⁄": "/",
    "\\leqslant": "\\le", "\\geqslant": "\\ge", "\\leq": "\\le", "\\geq": "\\ge", "\\lbrace": "\\{", "\\rbrace": "\\}",
    "−": "-", "–": "-", "π": "\\pi ", "∞": "\\infty ", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "±": "\\pm ",
    "≠": "\\ne ", ">=": "\\ge ", "<=": "\\le ", "=<": "\\le ", "!=": "\\ne ", "+/-": "\\pm ",
    "\\neq": "\\ne", "\\colon": ":", "{:}": ":",
    "\\varnothing": "\\emptyset", "∅": "\\emptyset ", "\\lvert": "|", "\\rvert": "|", "\\cr": "\\\\",
    "≤": "\\le ", "≥": "\\ge ", "∪": "\\cup ", "α": "\\alpha ", "β": "\\beta ", "θ": "\\theta ",
}  # fmt: skip
_ROW_GAP = re.compile(r"\\\\\s?\[-?\d{0,4}\.?\d{0,4}(?:pt|em|ex|mm|cm)\]")
_MATRIX_STYLE = re.compile(r"(\\(?:begin|end)\s?\{[a-z]{0,8}matrix)\*\}(?:\[[lcr]\])?")
_NESTED = re.compile(r"\[\s?(\[[^\[\]]{1,200}\](?:\s?,\s?\[[^\[\]]{1,200}\]){0,20})\s?\]")
_FRAC_ARGUMENT = r"(\{[^{}]{0,60}\}|\\[A-Za-z]{2,12}|[A-Za-z\d])"
_SHORT_FRAC = re.compile(rf"\\frac\s?{_FRAC_ARGUMENT}\s?{_FRAC_ARGUMENT}")
_BASE_WORD = re.compile(r"_\{?\s?(two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\s?\}?", re.IGNORECASE)
_IN_BASE = re.compile(
    r"(?<=\d)\s\(?(?:in\s)?base[\s-](\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\b\)?",
    re.IGNORECASE,
)
_CURRENCY = re.compile(r"\b(?:US|A|C|HK)(?=\\?\$)|(?<![A-Za-z])(?:USD|EUR|GBP|CAD|AUD)(?![A-Za-z])")
_PERCENT = re.compile(r"(?<=\w)\s?(?:per\s?cent|pct)\b\.?", re.IGNORECASE)
_SIGN_WORD = re.compile(r"\b(?:(plus\sor\sminus)|minus|negative)\s(?=[\d.(\\$])", re.IGNORECASE)
_UNBRACKETED_CALL = re.compile(r"(?<![\\A-Za-z])(ln|log|sin|cos|tan|sqrt)\s(?=[\d\\])")
_SIMPLE_RE = re.compile("|".join(re.escape(key) for key in sorted(_SIMPLE, key=len, reverse=True)))
_ANGLE = re.compile(
    r"(\\(?:sin|cos|tan|cot|sec|csc)\s?(?:\^\s?\{?-?\d\}?)?\s?(?:\\left)?\s?[({]?\s?)(-?\d{1,6}(?:\.\d{1,6})?)\s?(?:\^\s?\{?\\circ\s?\}?|°|\\degree)"
)
_REPEATING = re.compile(r"(\d{0,15})\.(\d{0,15})\\(?:overline|bar|dot)\s?\{?(\d{1,15})\}?")
_GREEK = "pi|alpha|beta|gamma|delta|theta|lambda|mu|sigma|phi|omega|infty"
_NAMED = re.compile(rf"(?<![\\A-Za-z{{])({_GREEK})(?![A-Za-z])")
_SCIENTIFIC = re.compile(r"(?<![\w.])(\d{1,30}(?:\.\d{1,30})?)[eE]([+-]?\d{1,3})(?![\w.])")
_MIXED = re.compile(r"(?<![\d.,/)}\]^_])(\d{1,9})\s(\d{1,9})\s?/\s?(\d{1,9})(?![\d/])")
_NEGATIVE_POWER = re.compile(r"(\^|\*\*)\s?(-\d{1,9})(?![\d.])")
_CALL = re.compile(r"(?<![\\A-Za-z])(sqrt|cbrt|exp|log_?(\d{1,3})|log|ln|sin|cos|tan|arcsin|arccos|arctan)\s?\(")
_PLAIN_SIGN = re.compile(r"\*|(?<![\\A-Za-z])(?:sqrt|cbrt|exp|log|ln|sin|cos|tan)\d{0,3}\s?\(")


def rational(text: str) -> Fraction | None:
    """The value of an integer, decimal, fraction or mixed number; None for anything else."""
    match = _RATIONAL.fullmatch(text)
    if not match or not int(match["bottom"] or match["over"] or 1):
        return None
    if match["bottom"]:
        value = int(match["whole"] or 0) + Fraction(int(match["top"]), int(match["bottom"]))
    else:
        value = Fraction(match["digits"]) / int(match["over"] or 1)
    return -value if match["minus"] else value


def normalise(latex: str) -> str:
    """An expression without delimiters, spacing commands, degree signs or a final full stop; plain text as LaTeX."""
    text = unicodedata.normalize("NFC", without_unicode_numbers(plain(latex[: 4 * LIMIT])))
    text = _thousands(_ROW_GAP.sub(r"\\\\", _MATRIX_STYLE.sub(r"\1}", text)))
    text = _SIGN_WORD.sub(lambda m: "\\pm " if m.group(1) else "-", _CURRENCY.sub("", _PERCENT.sub("%", text)))
    text = re.sub(r"\\(?:\[|\]|\(|\))|[`]|\*\*(?=[^\s\d(-])|(?<=\S)\*\*(?![\d(-])", "", text)
    text = re.sub(r"√\s?\(([^()]{1,100})\)|√\s?(\w{1,20})", lambda m: f"\\sqrt{{{m.group(1) or m.group(2)}}}", text)
    text = _ANGLE.sub(r"\1\\frac{\2\\pi}{180}", text)
    text = _STYLE.sub("", text)
    text = _SIMPLE_RE.sub(lambda m: _SIMPLE[m.group()], text)
    text = re.sub(r"(?<![\d,.(\[{])(\d{1,3}(?:,\d{3})+)(?![\d,)\]}])", lambda m: m.group().replace(",", ""), text)
    text = _TEXT.sub(r" \1 ", text)
    text = _BASE_WORD.sub(lambda m: f"_{{{value_of(m.group(1))}}}", text)
    text = _IN_BASE.sub(lambda m: f"_{{{m.group(1) if m.group(1).isdigit() else value_of(m.group(1))}}}", text)
    text = re.sub(
        r"(?<=[)\]\s])\s?[U∪]\s?(?=[(\[])",
        r" \\cup ",
        re.sub(r"(?<![A-Za-z\\])inf(?:inity)?(?![A-Za-z])", r"\\infty ", text),
    )
    text = re.sub(r"(?<=\d)\s?x\s?(?=10\s?(?:\^|\*\*))", r" \\times ", text)
    text = re.sub(r"(?<![A-Za-z])(?:the\s)?empty\sset(?![A-Za-z])", r"\\emptyset", text, flags=re.IGNORECASE)
    text = re.sub(r"\\log_\{?e\}?(?![A-Za-z])", r"\\ln ", _UNBRACKETED_CALL.sub(r"\\\1 ", text))
    text = re.sub(r"^\s*[A-Za-z]\s?\\in(?:\s|(?=[\[(\\]))\s?", "", text)
    text = _from_plain(_REPEATING.sub(_as_fraction, text))
    # a leading point may be that of a decimal: .5 is not 5
    text = " ".join(text.split()).lstrip(" ,;:").rstrip(" .,;:")
    if (underlined := re.fullmatch(r"__?([^_]{1,200})__?", text)) is not None:
        text = underlined.group(1)
    return _in_digits(_SHORT_FRAC.sub(_braced, _NESTED.sub(_matrix, text)))


def _thousands(text: str) -> str:
    """`12,\\! 345` as 12,345: the space that is taken back says that the comma divides thousands."""
    return re.sub(r"(?<=\d),\\!\s?(?=\d{3})|(?<=\d)\{,\s?\}\s?(?=\d{3})", ",", text)


def _braced(short: re.Match[str]) -> str:
    top, bottom = (part.strip("{}") if part.startswith("{") else part for part in short.groups())
    return f"\\frac{{{top}}}{{{bottom}}}"


def _matrix(nested: re.Match[str]) -> str:
    rows = re.findall(r"\[([^\[\]]{1,200})\]", nested.group(1))
    inside = r" \\ ".join(row.replace(",", " & ") for row in rows)
    return rf"\begin{{pmatrix}}{inside}\end{{pmatrix}}"


def _as_fraction(repeating: re.Match[str]) -> str:
    whole, fixed, period = repeating.groups()
    scale = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _from_plain(text: str) -> str:
    """Plain-text mathematics as LaTeX: `2*pi`, `sqrt(3)/2`, `10^-3`, `1e-7`, `5 1/2`, `log2(3)`."""
    text = _SCIENTIFIC.sub(lambda m: f"{m.group(1)} \\cdot 10^{{{int(m.group(2))}}}", text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text)
    text = _NEGATIVE_POWER.sub(r"^{\2}", text)
    text = re.sub(r"(?<![\\A-Za-z])log_", r"\\log_", _NAMED.sub(r"\\\1 ", text))
    if _PLAIN_SIGN.search(text):
        text = re.sub(r"\s?\*\s?", r" \\cdot ", text.replace("**", "^"))
        for _ in range(20):
            call = _CALL.search(text)
            end = _closing(text, call.end() - 1) if call else None
            if not call or end is None:
                break
            text = text[: call.start()] + _as_latex(call, text[call.end() : end]) + text[end + 1 :]
    return text


def _as_latex(call: re.Match[str], inside: str) -> str:
    name, base = call.group(1), call.group(2)
    if name == "sqrt":
        return f"\\sqrt{{{inside}}}"
    if name == "cbrt":
        return f"\\sqrt[3]{{{inside}}}"
    if name == "exp":
        return f"e^{{{inside}}}"
    return f"\\log_{{{base}}}({inside})" if base else f"\\{name}({inside})"


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    return None


def _in_digits(text: str) -> str:
    """`seven` as 7 and `5 million` as 5000000, where that is all there is."""
    words = NUMBER_WORDS.fullmatch(text)
    if words:
        return f"{'-' if words['minus'] else ''}{value_of(words['words'])}"
    part = fraction_in_words(text)
    if part is not None:
        return f"{'-' if part < 0 else ''}\\frac{{{abs(part.numerator)}}}{{{part.denominator}}}"
    counted = NUMBER_WORDS.match(text)
    if counted and without_unit(f"1{text[counted.end() :]}") in ("1", "1%"):
        return (
            f"{'-' if counted['minus'] else ''}{value_of(counted['words'])}{'%' if text.endswith('%') else ''}".rstrip(
                "%"
            )
        )
    number = re.match(r"-?\d{1,30}(?:\.\d{1,30})?(?=[\s~])", text)
    word = CHANGED.match(text, number.end()) if number else None
    if number and word and text[word.end() :].strip(" .") in ("", "dollars", "people", "units"):
        value = changed(Fraction(number.group()), word["word"])
        if value is not None:
            return str(value) if value.denominator == 1 else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    return text

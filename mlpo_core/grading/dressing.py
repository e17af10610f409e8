"""Take off what dresses a response without saying anything: chat markers, invisible and look-alike characters, JSON."""

import json
import re
import unicodedata

_TURN = re.compile(
    r"<\|[A-Za-z_]{2,30}\|>|</s>|<s>|\[/?INST\]|\[/s\]|<(?:end|start)_of_turn>|<(?:eos|bos|pad)>|<extra_id_\d{1,3}>"
    r"|<｜(?:end|begin)▁of▁sentence｜>|(?<=[^\s])\s{1,9}\n(?:#{1,3}\s)?(?:Human|User):|(?<=[^\s])\n(?:#{1,3}\s)?(?:Human|User):"
)
_ROLE = re.compile(r"\s{0,9}(?:assistant|model|user|system)?\s{0,9}(?:<\|end_header_id\|>)?\s{0,9}(?![^\s])")
_HEADER = re.compile(r"\s{0,9}(?:assistant|model)\s{0,3}(?:<\|end_header_id\|>|\n)")
_FIELD = re.compile(
    r"""["'](?:(?:final|correct|best|my)?[_ ]?answer"""
    r"""|(?P<other>(?:selected|chosen|correct|final)?[_ ]?(?:choice|option|letter)))["']\s{0,4}:\s{0,4}""",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r""""((?:[^"\\\n]|\\.){1,1000})"|'((?:[^'\\\n]|\\.){1,1000})'|(\[[^\]\n]{1,1000}\]|[^,}\s][^,}\n]{0,200})"""
)

_INVISIBLE = [0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF]
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys(_INVISIBLE),
    **{0xFF01 + i: chr(0x21 + i) for i in range(94)},  # full-width letters, digits and signs
    **dict.fromkeys([0xA0, 0x3000, *range(0x2002, 0x200B), 0x202F], " "),
    **dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2212, 0xFE63], "-"),
    **{
        code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)
    },  # letters set as mathematics
    0xBA: "°",
}
_DASH_AS_SIGN = re.compile(r"(?<![\w)\]}.%])[–—―](?=\.?\d)")


def plain(text: str) -> str:
    """Text without invisible characters, with full-width characters and dashes before numbers as in ASCII."""
    if text.isascii():
        return text
    return _DASH_AS_SIGN.sub("-", text.translate(_CHARACTERS))


def without_chat_markers(text: str) -> str:
    """What a response says in its own turn: a marker that ends the turn ends the text, one that opens it is skipped."""
    marker = _TURN.search(text)
    if not marker:
        return text
    if marker.group() == "[INST]" and not text[: marker.start()].strip() and "[/INST]" in text:
        text = text.split("[/INST]", 1)[1]
    for part in _TURN.split(text):
        header = _HEADER.match(part)
        said = part[header.end() :] if header else part
        if not _ROLE.fullmatch(said):
            return said
    return ""


def json_answers(text: str) -> list[tuple[int, str]]:
    """Where a JSON or Python object in the text gives a value to `answer`, and that value as text."""
    found: list[tuple[int, str]] = []
    fields = list(_FIELD.finditer(text))
    listed = sum(field["other"] is not None for field in fields) > 1  # the options, not one of them chosen
    for field in fields:
        if listed and field["other"]:
            continue
        value = _VALUE.match(text, field.end())
        if value and (said := _decoded(value)).strip():
            found.append((field.start(), said.strip()))
    return found


def _decoded(value: re.Match[str]) -> str:
    quoted = value.group(1)
    if quoted is None:
        return value.group(2) or value.group(3)
    try:
        return str(json.loads(f'"{quoted}"')) if re.search(r'\\[\\"/]', quoted) else quoted
    except ValueError:
        return quoted


_RECOGNISED = 12
"""Characters from which on a question is looked for in a response."""


def without_question(response: str, question: str) -> str:
    """A response without the question where it repeats it word for word: what is asked is not answered by it."""
    words = question.split()
    asked = " ".join(words)
    if len(asked) < _RECOGNISED or words[0] not in response or asked not in " ".join(response.split()):
        return response
    return re.sub(r"\s+".join(map(re.escape, words)), "\n", response)

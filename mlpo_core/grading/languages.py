"""The words that announce an answer in languages other than English, and the letters that name options in them.

The languages are those of the public multilingual patterns: Arabic, Bengali, Chinese, French, German, Hindi,
Indonesian, Italian, Japanese, Korean, Portuguese, Spanish, Swahili, Yoruba; and those of the models we have seen.
"""

import re

_LATIN = (
    r"respuesta|resposta|risposta|antwort|antwoord|lösung|ergebnis|réponse|reponse|odpowiedź|odpověď|cevap|svar|svaret"
    r"|jawaban|jawabannya|jawapan|jibu|idahun|ìdáhùn|idáhùn|àmọ̀nà|àdáhùn|ànúgọ|àṣàyàn|đáp án|câu trả lời"
    r"|răspunsul|răspuns|vastaus|απάντηση|απαντηση|válasz"
)
_QUALIFIED = (
    r"correcta|correcte|correta|corretta|final|finale|richtige|endgültige|yang benar|yang tepat|akhir|sahihi|đúng|là"
    r"|corect"
)
_LATIN_IS = r"es|est|é|è|ist|lautet|to|je|is|är|er|on|είναι|ni|adalah|ialah|là|este|sería|serait|deve essere|debe ser"
_OPTION_NOUN = r"opción|opcion|opção|opzione|option|alternativa|alternative|letra|lettre|lettera|Buchstabe|opsi|pilihan"
_ARTICLE = (
    rf"(?:\s(?:la\s|el\s|a\s|die\s|der\s|l['’])?(?:{_OPTION_NOUN})\b|\s(?:la|el|a|o|il|die|das|der)(?=\s\(?[A-Z]\b))?"
)
"""What may stand between the announcement and a letter: "la opción B", "la B"."""
_LATIN_CUE = re.compile(
    rf"\b(?:{_LATIN})\b(?:\ (?:{_QUALIFIED}))?[*_]{{0,3}}\s{{0,3}}(?::|\b(?:{_LATIN_IS})\b{_ARTICLE}(?:\s?:)?)"
    rf"|\b(?:{_OPTION_NOUN})\s(?:correcta|correcte|correta|corretta)\s(?:es|est|é|è)\b"
    r"|\bcevap\b(?=\s\(?[A-Z](?:\)|\b))",
    re.IGNORECASE,
)
_OTHER_CUE = re.compile(
    r"\b(?:[оО]твет|[вВ]ідповідь)(?:ы|ом)?\b[*_]{0,3}\s{0,3}(?::|—|–|-|это|является)"
    r"|(?:正确|正確|最终|最終|最佳|标准)?(?:答案|选项|選項)[*_]{0,3}(?:应该|應該|应当|就)?\s{0,3}(?:是|为|為|选|選|:)\s{0,3}[:]?"
    r"|(?:答复|回答|解答|答曰|答え|答|正解)(?:え)?[*_]{0,3}\s{0,3}(?:は|是|为|:)\s{0,3}"
    r"|(?:因此|所以|故|应|應|应该|我|本题|此题|^)(?:应该|应|我)?(?:选择|選擇|选|選)\s{0,3}:?"
    r"|(?:정답|답변|답|정답은)[*_]{0,3}\s{0,3}(?:은|는|:)\s{0,3}:?"
    r"|(?:الإجابة|الجواب|إجابة|اجابة)(?:\s(?:الصحيحة|النهائية|الصحيح|النهائي)){0,2}\s{0,3}(?:هي|هو|:)\s{0,3}:?"
    r"|(?:उत्तर|जवाब)\s{0,3}(?:है|:|(?=\(?[A-Z]\)?\sहै))"
    r"|উত্তর(?:টি)?\s{0,3}(?::|ঃ|হল|হলো)\s{0,3}:?"
    r"|(?:คำตอบ(?:ที่ถูกต้อง)?)\s{0,3}(?:คือ|:)"
    r"|(?:תשובה|התשובה)\s{0,3}(?:היא|:)"
)
_WORDS = (*_LATIN.split("|"), "opción", "opção", "opzione", "alternativa", "option correcte")


def foreign_cues(text: str) -> list[re.Match[str]]:
    """Where a text announces an answer in another language than English."""
    lower = text.lower()
    found = [*_LATIN_CUE.finditer(text)] if any(word in lower for word in _WORDS) else []
    return found if text.isascii() else [*found, *_OTHER_CUE.finditer(text)]


OPTION_LETTERS = {
    **dict(zip("أبجد", "ABCD", strict=True)),
    **dict(zip("অবডঢ", "ABCD", strict=True)),
    "ا": "A",
    "ক": "A",
    "খ": "B",
    "গ": "C",
    "ঘ": "D",
}
"""Letters that stand for options, to be read only where one stands alone as the answer."""

SOFT_ENDINGS = re.compile(
    r"(?<=[\dA-Z)])\s?(?:です|だ|である|입니다|이다|예요|이에요|は正しい|是正确的|是正確的|正确|है|ই)"
)
"""What a sentence puts after the answer where no space divides them."""

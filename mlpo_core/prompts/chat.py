"""Renders a user turn, after a system message if there is one, so that nothing in them can act as a control token.

Tasks and proposals are text that somebody or some model wrote. A tokenizer turns strings such as `<|im_end|>` into
control ids wherever they stand, which would let a proposal end the user's turn and speak as the assistant. Every such
string is broken by a character put after its first one: zero-width where the tokenizer knows it, else a space. Tags
that are added tokens with `special=False` (`<think>`, `<answer>`) are words of the text and stay as they are.
"""

import json
import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from mlpo_core.errors import BadInput

_ZERO_WIDTH = "\u200b"
_REPLACEMENT = "\ufffd"
_DATE = date(2024, 7, 26)
"""What a template is told when it asks for today: a prompt, and with it a version, must not depend on the day."""
_THINK = "<think>"
_OPENED = re.compile(r"<think>\s*\Z")
_OPENS = re.compile(r"\s*<think>\s*")
_COMMON = (
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>\s]{1,40}｜>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>"
    r"|\[/?(?:INST|SYSTEM_PROMPT)\]|<</?SYS>>"
)


class _Guard(NamedTuple):
    size: int
    """Vocabulary size when this was made: a tokenizer can be given more tokens later."""
    pattern: re.Pattern[str] | None
    joiner: str
    compose: bool
    """A control token is matched after Unicode normalisation, so normalise before looking for it."""


_guards: WeakKeyDictionary[Any, _Guard] = WeakKeyDictionary()
_openings: WeakKeyDictionary[Any, tuple[Any, dict[str, str]]] = WeakKeyDictionary()
"""What `opening` found by arguments, with the template that it looked at."""


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """The strings that a tokenizer maps to control ids: its special tokens, without tags added as `special=False`."""
    found = {token.content: index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    return found | dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))


def neutralise(tokenizer: Any, text: str) -> str:
    """`text` with every control-token string of this tokenizer broken, so that it encodes as ordinary text."""
    guard = _guards.get(tokenizer)
    if guard is None or guard.size != len(tokenizer):
        guard = _guards[tokenizer] = _guard(tokenizer)
    if guard.pattern is None:
        return text
    if guard.compose and not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _break(guard.pattern, guard.joiner, text)


def neutralise_unknown(text: str) -> str:
    """`text` with the common families' control strings broken, for a server whose tokenizer is not at hand."""
    return _break(_common(), _ZERO_WIDTH, text)


def render(tokenizer: Any, prompt: str, system: str = "", template: str = "") -> str:
    """One user turn through the chat template, up to where the assistant begins to write.

    A tokenizer without a chat template gets the plain prompt and a newline, after the beginning-of-text token if that
    tokenizer starts every text with it.

    Args:
        tokenizer: The model's.
        prompt: The user turn.
        system: A system message; empty for none.
        template: Further arguments of the chat template, as JSON (`{"enable_thinking": false}`); empty for none.

    Raises:
        BadInput: The template refuses a conversation of one user turn, takes no system message, or does not read one of
            the arguments.
    """
    arguments = _arguments(tokenizer, template) if template else {}
    content = neutralise(tokenizer, prompt)
    if system:
        return _with_system(tokenizer, content, neutralise(tokenizer, system), arguments)
    if not tokenizer.chat_template:
        return f"{_start(tokenizer)}{content}\n"
    try:
        return _applied(tokenizer, [{"role": "user", "content": content}], arguments)
    except Exception as error:  # the template is the model's own program: whatever it raises is about the model
        raise BadInput(f"{tokenizer.name_or_path}: its chat template refuses a single user turn: {error}") from error


def encode(tokenizer: Any, prompt: str, system: str = "", template: str = "") -> list[int]:
    """Token ids of `render`. Control ids come from the template alone."""
    return tokenizer(render(tokenizer, prompt, system, template), add_special_tokens=False)["input_ids"]


def opening(tokenizer: Any, template: str = "") -> str:
    """The `<think>` that a chat template itself writes at the end of the prompt, with the space after it; else empty.

    A model under such a template writes on from there, so its completions lack it. `template` as in `render`.
    """
    known = _openings.get(tokenizer)
    if known is None or known[0] != tokenizer.chat_template:
        known = _openings[tokenizer] = (tokenizer.chat_template, {})
    found = known[1]
    if template not in found:
        opened = _OPENED.search(render(tokenizer, "?", template=template))
        found[template] = opened.group() if opened else ""
    return found[template]


def restored(opening: str, completion: str) -> str:
    """A completion with the `opening` of its template put back, unless it is empty or opens a thought itself."""
    opens = not completion or completion.lstrip().startswith(_THINK)
    return completion if opens else opening + completion


def continuation(opening: str, completion: str) -> str:
    """What of a whole completion a model writes behind the `opening` of its template: the inverse of `restored`."""
    if not opening or completion.startswith(opening):
        return completion.removeprefix(opening)
    opens = _OPENS.match(completion)
    return completion[opens.end() :] if opens else completion


def _with_system(tokenizer: Any, content: str, system: str, arguments: dict[str, Any]) -> str:
    problem, rendered = "it has no chat template", ""
    if tokenizer.chat_template:
        turns = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        try:
            rendered, problem = _applied(tokenizer, turns, arguments), "its chat template leaves it out"
        except Exception as error:  # as above
            problem = f"its chat template refuses it: {error}"
    if system.strip() in rendered:
        return rendered
    raise BadInput(
        f"{tokenizer.name_or_path}: system_prompt: the model takes no system message; {problem}. Say it in the user's "
        "turn: an agent's `prompt`, or a template in `prompts`"
    )


def _arguments(tokenizer: Any, template: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(template)
    for name in found:
        if not re.search(rf"\b{re.escape(name)}\b", str(tokenizer.chat_template or "")):
            problem = "does not read it" if tokenizer.chat_template else "is none: the model has no chat template"
            raise BadInput(f"{tokenizer.name_or_path}: chat_template.{name}: its template {problem}. Leave it out")
    return found


def _applied(tokenizer: Any, turns: list[dict[str, str]], arguments: dict[str, Any]) -> str:
    return tokenizer.apply_chat_template(
        turns,
        tokenize=False,
        add_generation_prompt=True,
        date_string=_DATE.strftime("%d %b %Y"),  # as Llama's templates take it
        strftime_now=_DATE.strftime,  # what others call for themselves
        **arguments,
    )


def _guard(tokenizer: Any) -> _Guard:
    controls = sorted(control_tokens(tokenizer), key=lambda t: (-len(t), t))
    pattern = re.compile("|".join(map(re.escape, controls))) if controls else None
    ids = tokenizer(_ZERO_WIDTH, add_special_tokens=False)["input_ids"]
    joiner = _ZERO_WIDTH if ids and tokenizer.unk_token_id not in ids else " "
    compose = any(t.special and t.normalized for t in tokenizer.added_tokens_decoder.values())
    return _Guard(len(tokenizer), pattern, joiner, compose)


def _break(pattern: re.Pattern[str], joiner: str, text: str) -> str:
    def split(match: re.Match[str]) -> str:
        token = match.group()
        return token[0] + joiner + token[1:] if len(token) > 1 else _REPLACEMENT

    count = 1
    while count:  # breaking one string can leave another that overlapped it
        text, count = pattern.subn(split, text)
    return text


@lru_cache(maxsize=1)
def _common() -> re.Pattern[str]:
    return re.compile(_COMMON)


def _start(tokenizer: Any) -> str:
    ids = tokenizer("a")["input_ids"]
    return tokenizer.bos_token if tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id] else ""

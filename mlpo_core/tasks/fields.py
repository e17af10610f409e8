"""Which field of somebody's own rows is the question, the answer and so on; and a row of ours made from them."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, cast, get_args

from mlpo_core.errors import BadInput
from mlpo_core.experiment import TaskSource
from mlpo_core.grading import gold, infer_kind
from mlpo_core.grading.quantity import with_tolerance
from mlpo_core.tasks.rows import Row
from mlpo_core.types import LETTERS, AnswerKind, Split

_USUAL: Mapping[str, Sequence[str]] = {
    "question": ("question", "prompt", "problem", "input", "query", "text"),
    "answer": ("answer", "target", "gold", "label", "expected", "output"),
    "choices": ("choices", "options"),
    "subject": ("subject", "category", "topic", "type", "cat"),
    "split": ("split",),
    "answer_kind": ("answer_kind",),
}
_KINDS = tuple(kind for kind in get_args(AnswerKind) if kind != "checker")
"""What a row may say of itself: code is named by the experiment alone."""
_LETTERED = re.compile(r"(?:choice|option)?[_ ]?([a-z]|\d+)")
_SPLITS: Mapping[str, Split] = {
    "train": "train", "training": "train",
    "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "eval": "test",
}  # fmt: skip
_MATHS = re.compile(r"\\[a-zA-Z]+|\$|[\^_]\{")


class Fields(NamedTuple):
    """The field of each part of a task. `choices` are one field, several (a choice each), or none."""

    question: str
    answer: str
    choices: tuple[str, ...]
    subject: str | None
    split: str | None
    answer_kind: str | None

    def __str__(self) -> str:
        parts = {**self._asdict(), "choices": ", ".join(self.choices)}
        return ", ".join(f"{part} from {name!r}" for part, name in parts.items() if name)


def fields_of(names: Collection[str], config: TaskSource, field: str, where: str) -> Fields:
    """The fields of a file: those that the experiment maps, else those with a usual name.

    Args:
        names: The fields that there are.
        config: The source.
        field: Its name in errors, such as `tasks.0`.
        where: The file, for errors.

    Raises:
        BadInput: A mapped field is not there, or no field looks like the question or the answer.
    """
    given = config.fields
    there = f"{where} has the fields {', '.join(sorted(names))}"
    for part, wanted in given.items():
        for name in (wanted,) if isinstance(wanted, str) else wanted:
            if name not in names:
                raise BadInput(f"{field}.fields.{part}: there is no field {name!r}: {there}")

    def one(part: Literal["question", "answer", "subject", "split", "answer_kind"]) -> str | None:
        mapped = given.get(part)
        return mapped if isinstance(mapped, str) else _usual(_USUAL[part], names)

    def required(part: Literal["question", "answer"]) -> str:
        found = one(part)
        if found is None:
            raise BadInput(f"{field}.fields: which field is the {part}? {there}. Say so: fields: {{{part}: NAME}}")
        return found

    question, answer = required("question"), required("answer")
    mapped = given.get("choices")
    choices = (mapped,) if isinstance(mapped, str) else mapped or _choice_fields(names)
    return Fields(question, answer, tuple(choices), one("subject"), one("split"), one("answer_kind"))


def row_of(where: str, raw: Mapping[str, Any], fields: Fields, config: TaskSource, side: Split | None) -> Row:
    """A row of ours. `side` is that of its file, where the row itself has none.

    Raises:
        BadInput: The row cannot be used; names it, its field and the reason.
    """

    def refuse(part: str, reason: str) -> BadInput:
        return BadInput(f"{where}: {part}: {reason}")

    question = _text(raw.get(fields.question))
    if not question:
        raise refuse(fields.question, "there is no question")
    choices = _choices(raw, fields, refuse)
    answer = _text(raw.get(fields.answer))
    if not answer:
        raise refuse(fields.answer, "there is no answer")
    if any("\ud800" <= char <= "\udfff" for text in (question, answer, *choices) for char in text):
        raise refuse(fields.question, "holds half of a character (a lone surrogate)")
    stated = _text(raw.get(fields.answer_kind)).lower() if fields.answer_kind else ""
    if stated and stated not in _KINDS:
        near = get_close_matches(stated, _KINDS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(_KINDS)}"
        raise refuse(fields.answer_kind or "", f"{stated!r:.40} is no kind of answer; {meant}")
    own = cast("AnswerKind | None", stated or None) or ("checker" if config.checker else config.answer_kind)
    kind = own or _kind(answer, choices)
    if kind == "option" and not choices and not re.fullmatch(r"\(?[A-Z]\)?", answer):
        raise refuse(fields.answer, f"expected a letter, got {answer!r:.60}")
    if choices and kind == "option":
        letter = _letter(raw.get(fields.answer), answer, choices)
        if letter is None:
            raise refuse(fields.answer, f"is none of the {len(choices)} choices: {answer!r:.60}")
        answer = letter
    if kind == "unit":
        answer = with_tolerance(answer, config.tolerance)
    if reason := gold.problem(kind, answer):
        raise refuse(fields.answer, reason)
    if fields.split and (stated := _text(raw.get(fields.split))):
        if stated.lower() not in _SPLITS:
            raise refuse(fields.split, f"expected train, dev or test, got {stated!r:.40}")
        side = _SPLITS[stated.lower()]
    subject = _text(raw.get(fields.subject)) if fields.subject else ""
    return Row(where, subject or config.benchmark, question, choices, answer, side, kind)


def _usual(wanted: Iterable[str], names: Collection[str]) -> str | None:
    lower = {name.lower(): name for name in names}
    return next((lower[name] for name in wanted if name in lower), None)


def _choice_fields(names: Collection[str]) -> tuple[str, ...]:
    """One field of a usual name, or the fields A, B, …, `choice_1`, `option_a`, … in order."""
    if usual := _usual(_USUAL["choices"], names):
        return (usual,)
    lettered = {m.group(1): name for name in names if (m := _LETTERED.fullmatch(name.lower()))}
    for order in ([c.lower() for c in LETTERS], [str(i) for i in range(1, 27)], [str(i) for i in range(26)]):
        found = [lettered[mark] for mark in order if mark in lettered]
        if len(found) > 1 and order[: len(found)] == [mark for mark in order if mark in lettered]:
            return tuple(found)
    return ()


def _choices(raw: Mapping[str, Any], fields: Fields, refuse: Callable[[str, str], BadInput]) -> tuple[str, ...]:
    if not fields.choices:
        return ()
    name = fields.choices[0]
    values = [raw.get(n) for n in fields.choices] if len(fields.choices) > 1 else _listed(raw.get(name))
    if values is None:
        raise refuse(name, f"expected a list of texts, JSON, or texts separated by |, got {raw.get(name)!r:.60}")
    while values and not _text(values[-1]):
        values.pop()
    choices = tuple(_text(value) for value in values)
    if choices and (len(choices) < 2 or len(choices) > len(LETTERS) or not all(choices)):
        raise refuse(name, f"expected 2 to {len(LETTERS)} choices, none of them empty, got {len(choices)}")
    return choices


def _listed(value: Any) -> list[Any] | None:
    """A field that holds all choices, as a list; None if it is nothing of the kind."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    if isinstance(value, Mapping):
        texts: Any = value.get("text", list(value.values()))
        return _listed(texts)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return value.split("|") if "|" in value else None
    return list(value) if isinstance(value, Sequence) else None


def _letter(value: Any, answer: str, choices: Sequence[str]) -> str | None:
    """The letter of an answer that is a choice's text, its letter, or its number counted from 0."""
    texts = [choice.casefold() for choice in choices]
    if answer.casefold() in texts:
        return LETTERS[texts.index(answer.casefold())]
    letters = LETTERS[: len(choices)]
    if (bare := answer.strip("().: ").upper()) and len(bare) == 1 and bare in letters:
        return bare
    numbered = isinstance(value, int) or answer.isdecimal()
    return letters[int(answer)] if numbered and answer.isdecimal() and int(answer) < len(letters) else None


def _kind(answer: str, choices: Sequence[str]) -> AnswerKind:
    if choices:
        return "option"
    if _MATHS.search(answer):
        return "math"
    found = infer_kind("", answer)
    return "exact" if found == "option" else found


def _text(value: Any) -> str:
    """A cell as text: numbers as they are written, true and false in lower case, nothing as empty."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if value != value else repr(int(value)) if value.is_integer() else repr(value)
    return str(value).strip() if isinstance(value, str | int) else ""

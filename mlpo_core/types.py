"""The vocabulary: what every stage passes to the next, in memory."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

InferredKind = Literal["exact", "option", "number", "math"]
"""How an answer is compared where nobody says so."""
AnswerKind = Literal["exact", "option", "number", "math", "regex", "json", "unit", "set", "checker", "tests", "judge"]
"""How an answer is compared with the gold one. Those that are not inferred: a pattern, JSON, a quantity, a set,
what a function of one's own says, tests that an answer passes as a program, and what a model says by a rubric."""
Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Task:
    """One question with its gold answer.

    Attributes:
        task_id: Hash of benchmark, subject, question and choices (see `task_id`).
        benchmark: `bbh`, `math`, `mmlu`, `mmlu_pro` or `procedural`.
        subject: The benchmark's own subdivision (BBH task, MMLU subject, task family).
        split: Which part of the experiment may use it.
        question: What is asked, without the choices.
        choices: The options in order, `A` first; empty when the task is not multiple choice with listed options.
        answer: The gold answer. For kind `option` it is a letter, for `regex` a pattern, for `json` JSON,
            for `tests` what tests it,
            for `judge` the reference that the judge is shown.
        answer_kind: How an answer is compared with the gold one.
    """

    task_id: str
    benchmark: str
    subject: str
    split: Split
    question: str
    choices: tuple[str, ...]
    answer: str
    answer_kind: AnswerKind


class Request(NamedTuple):
    """One generation to make: a user turn (without chat template), the seed of its randomness, and a system message.

    Attributes:
        template: Further arguments of the chat template, as JSON; empty for none.
    """

    prompt: str
    seed: int
    system: str = ""
    template: str = ""


class Generation(NamedTuple):
    """What an engine returns for a `Request`. Token counts are those of the engine's own tokenizer."""

    text: str
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["stop", "length", "error"]
    amortised_s: float
    """Wall seconds of the batch divided by its rows."""
    error: str = ""
    """Why there is no text, where the engine knows."""


class Judgement(NamedTuple):
    """What a model said of an answer.

    Attributes:
        reason: Why, in its words.
        failure: Why there is no verdict; empty where there is one.
        calls: How often it was asked; 0 for an answer that was judged a moment ago.
        prompt_tokens: That it read in these calls.
        completion_tokens: That it wrote in them.
        dollars: What they cost at the price of its endpoint.
    """

    reason: str
    failure: str = ""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0


class Verdict(NamedTuple):
    """What was read out of a response (None when nothing was found) and whether it equals the gold answer.

    `ungraded` where a limit of grading stopped that: then `correct` is False, and nobody knows. `judged` where a model
    was asked.
    """

    extracted: str | None
    correct: bool
    ungraded: bool = False
    judged: Judgement | None = None


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of the options of a multiple-choice task, in order."""


def stable_id(*parts: object, length: int = 16) -> str:
    """A hexadecimal id of JSON-serialisable parts, the same in every process and on every machine."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def stable_seed(*parts: object) -> int:
    """A 31-bit seed derived from JSON-serialisable parts."""
    return int(stable_id(*parts, length=8), 16) & 0x7FFFFFFF


def task_id(benchmark: str, subject: str, question: str, choices: Sequence[str]) -> str:
    """The identity of a task: exact duplicates share it (design, section 5)."""
    return stable_id(benchmark, subject, question, list(choices))

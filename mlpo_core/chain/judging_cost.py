"""What a judge will be asked: a call for every answer that a stage grades to a task of its kind."""

from collections.abc import Mapping

from mlpo_core.chain.lengths import Lengths
from mlpo_core.chain.throughput import Assumptions
from mlpo_core.experiment import Judge

_INSTRUCTION_TOKENS = 200
"""Of the template, the fence and the form of the verdict."""
_VERDICT_TOKENS = 80
"""Of a reply: a reason of two sentences."""
_CHARS_PER_TOKEN = 4.0


def judging(
    judge: Judge, graded: Mapping[str, float], lengths: Mapping[str, Lengths], assumptions: Assumptions
) -> tuple[int, float, float, float, float]:
    """Calls, tokens read and written, GPU-hours and dollars of a judge.

    Args:
        judge: Which.
        graded: Answers by benchmark, whatever they are graded by.
        lengths: With the share of each benchmark that needs the judge.
        assumptions: For one that runs here.
    """
    calls = {b: n * lengths[b].judged for b, n in graded.items()}
    around = _INSTRUCTION_TOKENS + len(judge.rubric) / _CHARS_PER_TOKEN
    read = sum(n * (around + _shown(lengths[b])) for b, n in calls.items())
    total = sum(calls.values())
    written = total * min(_VERDICT_TOKENS, judge.max_new_tokens)
    here = judge.engine is None or judge.engine.kind != "openai"
    hours = assumptions.generation_hours(judge.model, read, written) if here and total else 0.0
    price = judge.engine.price if judge.engine else None
    return int(total), read, written, hours, price.dollars(read, written) if price else 0.0


def _shown(lengths: Lengths) -> float:
    """Tokens of a question, its reference and an answer: as if the whole answer stood outside of the thinking."""
    return (lengths.question_chars + lengths.gold_chars) / lengths.chars_per_token + lengths.answer_tokens

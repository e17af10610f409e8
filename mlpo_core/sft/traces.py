"""Builds one trace from a leader's own drafts, and proves that it is what it claims to be.

A draft's *attempt* is its reasoning: the text inside `<think>`, or before `<answer>` where the leader does not write
the tags. A thought that is only closed was opened by the leader's chat template, and gets its `<think>` back.

A `backtrack` trace is a wrong draft's attempt, a connector that notices, and a right draft's attempt and answer, all
inside one `<think>…</think><answer>…</answer>`.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from mlpo_core.experiment import STANDARD, Prompts
from mlpo_core.prompts.connector import connector
from mlpo_core.types import Task, Verdict

_TAG = re.compile(r"</?(?:think|answer)>")
_OWN_FORMAT = re.compile(r"(\s*<think>\s*)(.+?)(\s*</think>\s*<answer>.+?</answer>)\s*", re.DOTALL)
_THOUGHT = re.compile(r"\s*<think>(.+?)</think>.*", re.DOTALL)
_MAX_CONNECTOR = 400


class Draft(NamedTuple):
    """One sample of the base leader, graded. `finished` is false when it ran into the token limit."""

    draft_id: str
    text: str
    extracted: str | None
    correct: bool
    finished: bool


class Attempt(NamedTuple):
    """A draft taken apart: what opens it, its reasoning, and what closes it with the answer."""

    draft_id: str
    opening: str
    reasoning: str
    closing: str
    extracted: str


class Chosen(NamedTuple):
    """The attempts that a trace is made of; a clean trace has no wrong one."""

    wrong: Attempt | None
    right: Attempt


class Segment(NamedTuple):
    """A piece of a completion, and whether it gets a loss."""

    text: str
    train: bool


class Trace(NamedTuple):
    """A completion to learn. The segments concatenate to it."""

    kind: Literal["backtrack", "clean"]
    segments: tuple[Segment, ...]
    draft_ids: tuple[str, ...]

    @property
    def completion(self) -> str:
        """The whole text."""
        return "".join(s.text for s in self.segments)


def attempt(draft: Draft) -> Attempt | None:
    """A draft taken apart, or None when it has no answer, no reasoning, or tags where they do not belong."""
    if draft.extracted is None or not draft.finished:
        return None
    text = draft.text if "<think>" in draft.text or "</think>" not in draft.text else f"<think>\n{draft.text}"
    if own := _OWN_FORMAT.fullmatch(text):
        opening, reasoning, closing = own.groups()
    else:
        thought = _THOUGHT.fullmatch(text)
        reasoning = (thought.group(1) if thought else text.partition("<answer>")[0]).strip()
        opening, closing = "<think>\n", f"\n</think>\n<answer>{draft.extracted}</answer>"
    if not reasoning.strip() or _TAG.search(reasoning) or len(_TAG.findall(closing)) != 3:
        return None
    return Attempt(draft.draft_id, opening, reasoning, closing, draft.extracted)


def choose(drafts: Sequence[Draft], backtrack: bool) -> Chosen | str:
    """The drafts to make a trace of, the first that serve, or the reason why there are none.

    Args:
        drafts: All samples of one prompt.
        backtrack: Whether a prompt with right and wrong samples becomes a backtracking trace; otherwise a clean one.
    """
    if not any(d.correct for d in drafts):
        return "no sample is right"
    rights = [a for d in drafts if d.correct and (a := attempt(d))]
    if not rights:
        return "no right sample has reasoning and an answer"
    if not backtrack or all(d.correct for d in drafts):
        return Chosen(None, rights[0])
    wrongs = [a for d in drafts if not d.correct and (a := attempt(d))]
    if not wrongs:
        return "no wrong sample has reasoning and an answer"
    # An attempt that says its wrong answer needs no words for it in the connector.
    wrongs.sort(key=lambda a: a.extracted not in a.reasoning)
    for wrong in wrongs:
        for right in rights:
            if wrong.reasoning not in right.reasoning:
                return Chosen(wrong, right)
    return "wrong and right samples reason alike"


def template(task: Task, wrong: Attempt, own: Prompts = STANDARD) -> str:
    """The standard connector after a wrong attempt."""
    return connector(task, None if wrong.extracted in wrong.reasoning else wrong.extracted, own)


def written(text: str) -> str | None:
    """A connector that the leader wrote itself, behind what it thought; None when it is empty, too long or has tags."""
    text = text.rpartition("</think>")[2].strip()
    if not text or len(text) > _MAX_CONNECTOR or _TAG.search(text):
        return None
    return f"\n{text}\n"


def assemble(chosen: Chosen, connector: str, mask_wrong: bool) -> Trace:
    """The trace of chosen attempts. `mask_wrong` takes the loss off the wrong attempt, not off the connector."""
    wrong, right = chosen
    if wrong is None:
        return Trace("clean", (Segment(right.opening + right.reasoning + right.closing, True),), (right.draft_id,))
    segments = (
        Segment(wrong.opening, True),
        Segment(wrong.reasoning, not mask_wrong),
        Segment(connector + right.reasoning + right.closing, True),
    )
    return Trace("backtrack", segments, (wrong.draft_id, right.draft_id))


def verify(trace: Trace, chosen: Chosen, verdict: Verdict, mask_wrong: bool) -> str | None:
    """Why a trace must not be learnt from, or None.

    Args:
        trace: The trace.
        chosen: The attempts that it must contain verbatim, the wrong one first.
        verdict: The grade of its whole completion.
        mask_wrong: Whether the wrong attempt must be without loss.
    """
    completion = trace.completion
    if not _OWN_FORMAT.fullmatch(completion) or len(_TAG.findall(completion)) != 4:
        return "it does not parse as one thought and one answer"
    if not verdict.correct:
        return "it does not end in the right answer"
    if chosen.wrong is not None:
        start = completion.find(chosen.wrong.reasoning)
        if start < 0 or completion.find(chosen.right.reasoning, start + len(chosen.wrong.reasoning)) < 0:
            return "the wrong attempt does not stand before the right one"
        if Segment(chosen.wrong.reasoning, not mask_wrong) not in trace.segments:
            return "the wrong attempt is not masked"
    elif chosen.right.reasoning not in completion:
        return "the right attempt is missing"
    return None

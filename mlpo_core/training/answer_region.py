"""The part of a leader's completion that the reward reads: its `<answer>`, or what it says outside its thinking."""

import re
from typing import NamedTuple

_THINK_OPEN = re.compile(r"<think>", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"</think>", re.IGNORECASE)
_ANSWER_OPEN = re.compile(r"<answer>", re.IGNORECASE)
_ANSWER_CLOSE = re.compile(r"</answer>", re.IGNORECASE)
_WELL_FORMED = re.compile(
    r"\s*<think>(?:(?!</?(?:think|answer)>).)*</think>\s*<answer>(?:(?!</?(?:think|answer)>).)+</answer>\s*", re.DOTALL
)


class Region(NamedTuple):
    """What is graded.

    Attributes:
        text: The last non-empty `<answer>`, closed or cut off, or else all that stands outside the thinking.
        marked: Whether it is an `<answer>`.
        answers: What every non-empty `<answer>` outside the thinking holds, in order.
    """

    text: str
    marked: bool
    answers: tuple[str, ...]

    @property
    def response(self) -> str:
        """The region as a response to grade: a marked one in its tag, so that it is read as an answer."""
        return f"<answer>{self.text}</answer>" if self.marked else self.text


def answer_region(completion: str) -> Region:
    """Find what the reward reads. Nothing inside a thought is part of it, also of one that never ends."""
    said = _THINK_OPEN.split(_THINK_CLOSE.split(completion)[-1], maxsplit=1)[0]
    inside = (_ANSWER_CLOSE.split(part, maxsplit=1)[0].strip() for part in _ANSWER_OPEN.split(said)[1:])
    answers = tuple(content for content in inside if content)
    return Region(answers[-1] if answers else said.strip(), bool(answers), answers)


def well_formed(completion: str) -> bool:
    """Whether a completion is one `<think>…</think>` and then one non-empty `<answer>…</answer>`, and nothing else."""
    return _WELL_FORMED.fullmatch(completion) is not None

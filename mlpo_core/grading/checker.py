"""Ask a function of somebody's own whether an answer is right.

It gets the task and the answer: what the response states as its answer, or, where its second parameter is called
`response`, all of the response. True or False is a verdict; everything else is a failure, which counts as a wrong
answer.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from mlpo_core.grading.extract import spoken
from mlpo_core.grading.stated import bare, stated
from mlpo_core.types import Task

CHECK_S = 5.0
"""Processor seconds that a checker may take over one answer."""
WAIT_S = 10.0
"""Seconds that it may take in all: it may wait for nothing."""
_SHOWN = 1_000


class Checked(NamedTuple):
    """What a checker said of an answer; `failure` is empty where it gave a verdict."""

    extracted: str | None
    correct: bool
    failure: str = ""


def ask(checker: Callable[..., Any], task: Task, response: str) -> Checked:
    """The verdict of a checker on a response."""
    answer = stated(response)
    if answer is None and not spoken(response).strip():
        return Checked(None, False)
    answer = bare(answer if answer is not None else spoken(response))
    shown = answer[:_SHOWN] or None
    try:
        verdict = checker(task, response if _takes_response(checker) else answer)
    except (MemoryError, RecursionError):
        return Checked(shown, False, "took more memory, or went deeper, than an answer may")
    except (Exception, SystemExit) as error:
        return Checked(shown, False, f"raised {type(error).__name__}: {error!s:.200}")
    if not isinstance(verdict, bool):
        return Checked(shown, False, f"returned {verdict!r:.60}, which is neither True nor False")
    return Checked(shown, verdict and shown is not None)


def _takes_response(checker: Callable[..., Any]) -> bool:
    try:
        names = list(inspect.signature(checker).parameters)
    except (TypeError, ValueError):  # some functions that are not written in Python tell nothing
        return False
    return names[1:2] == ["response"]

"""Checkers as somebody else would write them, good and bad."""

import os
import time
from typing import Any

from mlpo_core.types import Task


def is_palindrome(task: Task, answer: str) -> bool:
    """Right is any palindrome that has the gold answer in it."""
    return task.answer in answer and answer == answer[::-1]


def is_long(_: Task, response: str) -> bool:
    """Takes all of the response."""
    return response.startswith("<think>") and len(response) > 20


def raises(_: Task, answer: str) -> bool:
    """Fails on what it does not know."""
    if answer == "exit":
        raise SystemExit(0)
    if answer != "known":
        raise KeyError(answer)
    return True


def returns_nonsense(_: Task, answer: str) -> Any:
    """No verdict."""
    return len(answer)


def hangs(_: Task, answer: str) -> bool:
    """Waits, works or leaves, as the answer says."""
    print("printing is no verdict")
    if answer == "wait":
        time.sleep(600)
    while answer == "work":
        pass
    if answer == "leave":
        os._exit(0)
    return True


NOT_A_FUNCTION = 3

"""What stored answers there are, what they cost, and what they have saved; and deleting some."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlpo_core.store.answers.answers import folder_of
from mlpo_core.store.answers.index import records
from mlpo_core.store.answers.lines import NO_KEY, NOBODY, Stored
from mlpo_core.store.answers.shelf import Shelf
from mlpo_core.store.root import Store

DELETED = "(deleted)"
"""Stands for the models of answers that are deleted: their money stays."""


@dataclass
class Sums:
    """Of the answers of one model.

    Attributes:
        answers: How many are stored.
        bytes: That they take.
        prompt_tokens: Read for them.
        completion_tokens: Written.
        dollars: Spent on the model, what was no answer included.
        hits: How often an answer was found instead of asked for.
        saved: Dollars that this saved, at the prices then.
    """

    answers: int = 0
    bytes: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    hits: int = 0
    saved: float = 0.0


class Overview(NamedTuple):
    """All stored answers of a root, by model, and dollars spent by experiment."""

    models: dict[str, Sums]
    payers: dict[str, float]


def overview(store: Store, only: Callable[[Stored], bool] = lambda _: True) -> Overview:
    """Read all records; nothing is written to the root.

    Args:
        store: The root.
        only: The answers that count; money and hits always do.
    """
    shelf = Shelf(folder_of(store))
    shelf.fetch()
    models: dict[str, Sums] = {}
    payers: dict[str, float] = {}
    keys: set[str] = set()
    for line in records(shelf.folders):
        told = line.fields()
        if line.payer != NOBODY:
            payers[line.payer] = payers.get(line.payer, 0.0) + line.dollars
        sums = models.setdefault(str(told.get("model", DELETED)), Sums())
        sums.dollars += line.dollars
        answer = line.answer() if line.key != NO_KEY else None
        if answer and line.key not in keys and only(answer):
            keys.add(line.key)
            sums.answers += 1
            sums.bytes += len(line.body)
            sums.prompt_tokens += answer.prompt_tokens
            sums.completion_tokens += answer.completion_tokens
        sums.hits += int(_number(told.get("hits")))
        sums.saved += _number(told.get("saved"))
    return Overview(models, payers)


def prune(store: Store, goes: Callable[[Stored], bool]) -> int:
    """Delete answers. What they cost stays known, and counts in budgets.

    Args:
        store: The root.
        goes: The answers to delete.

    Returns:
        How many segments were passed over, because a running process appends to them.
    """
    store.own()
    shelf = Shelf(folder_of(store))
    shelf.prepare()
    return shelf.prune(lambda line: (answer := line.answer()) is None or not goes(answer))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0.0

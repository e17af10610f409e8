"""Divide tasks into train, dev and test (design, section 5), and drop what must not be in two places.

A published test set is the test split and only the rest is divided; without one (BBH, generated tasks, recorded tasks)
everything is divided by hash of the normalised question text. No seed enters: every experiment that divides the same
rows by the same shares has the same test set, and raising a limit only adds tasks.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import TaskSource
from mlpo_core.tasks.rows import Row
from mlpo_core.types import Split, Task

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class Candidate(NamedTuple):
    """A task whose `split` is decided, the source it came from, and its normalised text."""

    task: Task
    source: int
    text: str


class Division(NamedTuple):
    """The tasks to use, and how many were left out: duplicates, training rows found in test, and over the limits."""

    tasks: list[Task]
    duplicates: int
    in_test: int
    over_limit: int


def normalised(question: str, choices: Iterable[str] = ()) -> str:
    """A question's text for comparison: compatibility forms, case and white space evened out.

    The choices belong to it, in alphabetical order: 250 BBH questions read "Which sentence has the correct adjective
    order:", and a question whose options were shuffled is the same question. Signs and digits stay: they make another
    question.
    """
    even = [" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in (question, *choices)]
    return "\n".join((even[0], *sorted(even[1:])))


def by_hash(text: str, shares: tuple[float, float, float]) -> Split:
    """The split of a normalised text. `shares` are those of train, dev and test."""
    _, dev, test = shares
    position = _position("split", text)
    if position < test:
        return "test"
    return "dev" if position < test + dev else "train"


def assign(row: Row, text: str, config: TaskSource, has_dev: bool = False) -> Split:
    """The split of a row of one source. `has_dev`: its dev rows are published too, so train is not divided."""
    if row.published is None or config.divide_test:
        return by_hash(text, config.shares)
    if row.published != "train" or has_dev:
        return row.published
    train, dev, _ = config.shares
    return by_hash(text, (train / (train + dev), dev / (train + dev), 0.0)) if train + dev else "train"


def check_division(rows: Sequence[Row], config: TaskSource, field: str) -> None:
    """Refuse a source of published test rows only, from which tasks to train on are wanted.

    Raises:
        BadInput: Names the field, and `divide_test`.
    """
    published = {row.published for row in rows}
    if published == {"test"} and not config.divide_test and (config.train != 0 or config.dev != 0):
        raise BadInput(
            f"{field}: {config.benchmark} has only its published test set here: nothing to train on. Add its train "
            f"files, or set divide_test: true (the report then says so), or train: 0 and dev: 0."
        )


def check_splits(tasks: Iterable[Task], published: Collection[Split], configs: Sequence[TaskSource]) -> None:
    """Refuse a division with an empty split that was not asked to be empty.

    Args:
        tasks: The division.
        published: The splits in which rows are published.
        configs: The sources.

    Raises:
        BadInput: Names the split, and what may be done.
    """
    there = {task.split for task in tasks}
    for index, split in enumerate(SPLITS):
        limits = [getattr(config, split) for config in configs]
        asked = any(
            limit != 0 and (config.shares[index] or split in published)
            for config, limit in zip(configs, limits, strict=True)
        )
        if split not in there and (asked or split == "test"):
            raise BadInput(
                f"tasks: no task is in {split}. Give more questions, a larger share (shares: [train, dev, test]), or a "
                f"split of your own (a field `split`, or files called train, dev and test)"
                + ("" if split == "test" else f"; or {split}: 0 in every source, if none is wanted")
            )


def settle(candidates: Sequence[Candidate], configs: Sequence[TaskSource]) -> Division:
    """Drop duplicates, then training rows whose text is in test, then what exceeds each source's limits.

    Rows keep their order. Which rows a limit keeps is decided by hash, so they are spread over a source.
    """
    seen: set[str] = set()
    test_texts = {c.text for c in candidates if c.task.split == "test"}
    kept: list[tuple[int, Candidate]] = []
    duplicates = in_test = 0
    for position, candidate in enumerate(candidates):
        if candidate.task.split != "test" and candidate.text in test_texts:
            in_test += 1
        elif candidate.task.task_id in seen:
            duplicates += 1
        else:
            seen.add(candidate.task.task_id)
            kept.append((position, candidate))
    within = sorted(_within_limits(kept, configs))
    return Division([candidates[i].task for i in within], duplicates, in_test, len(kept) - len(within))


def _within_limits(kept: Sequence[tuple[int, Candidate]], configs: Sequence[TaskSource]) -> list[int]:
    used: Counter[tuple[int, Split]] = Counter()
    within: list[int] = []
    for position, candidate in sorted(kept, key=lambda item: _position("limit", item[1].task.task_id)):
        split = candidate.task.split
        config = configs[candidate.source]
        limit = {"train": config.train, "dev": config.dev, "test": config.test}[split]
        used[candidate.source, split] += 1
        if limit is None or used[candidate.source, split] <= limit:
            within.append(position)
    return within


def _position(purpose: str, text: str) -> float:
    digest = hashlib.sha256(f"{purpose}\x00{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56

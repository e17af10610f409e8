"""A leader's training as it is read: the kept steps, the groups of a step, and all that was written to one prompt."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.store import Dataset
from mlpo_core.store.ahead import in_order
from mlpo_core.store.rollouts import OF_GROUPS, Group, groups, name_of, steps
from mlpo_core.store.schemas import ROLLOUTS
from mlpo_core.viewer.conversation import divided
from mlpo_core.viewer.parts import at_once, pages

LEADERS = ("mlpo_leader", "grpo_leader")
"""Whose rollouts are kept."""


class Step(NamedTuple):
    """A kept step; its groups from the best to the worst mean reward."""

    number: int
    groups: Sequence[Group]

    @property
    def completions(self) -> int:
        """How many were written."""
        return sum(len(group.rewards) for group in self.groups)

    @property
    def reward(self) -> float:
        """The mean of all rewards."""
        return sum(sum(group.rewards) for group in self.groups) / self.completions

    @property
    def right(self) -> float:
        """The share of right completions."""
        return sum(sum(group.correct) for group in self.groups) / self.completions

    @property
    def tokens(self) -> float:
        """The mean length of a completion."""
        return sum(group.tokens for group in self.groups) / self.completions

    @property
    def carrying(self) -> int:
        """How many groups the leader learned from."""
        return sum(group.carries for group in self.groups)


class Rollout(NamedTuple):
    """One completion.

    Attributes:
        think: What stands before the end of its think part; empty where it has none.
        text: What stands after it.
        correct: Whether it is right.
        marked: Whether its answer stands in `<answer>`.
        well_formed: Whether it is a thought, then an answer, and nothing else.
        reward: What it was worth.
        terms: What each term of the reward adds, by name.
        advantage: Its reward minus the mean of its group.
        tokens: How many were written.
        truncated: Whether it was cut off at the length limit.
    """

    think: str
    text: str
    correct: bool
    marked: bool
    well_formed: bool
    reward: float
    terms: Sequence[tuple[str, float]]
    advantage: float
    tokens: int
    truncated: bool


class Written(NamedTuple):
    """All that was written to one prompt at a step, the most rewarded first."""

    benchmark: str
    answer: str
    prompt: str
    round: int
    rollouts: Sequence[Rollout]


class Training:
    """What is kept of one leader's rollouts; groups are read at the first time, texts when they are asked for.

    Args:
        dataset: The leader's version.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.steps = steps(dataset)

    @cached_property
    def overview(self) -> Sequence[Step]:
        """Every kept step.

        Raises:
            BadInput: A file is damaged.
        """
        return list(in_order(self._step, self.steps, at_once(self._dataset)))

    def step(self, number: int) -> Step | None:
        """A kept step; None where it is not kept."""
        return self._step(number) if number in self.steps else None

    def written(self, number: int, prompt_id: str) -> Written | None:
        """What was written to a prompt at a kept step; None where nothing was.

        Raises:
            BadInput: The step's file is damaged.
        """
        rows = self._rows(number, ROLLOUTS.names)
        found: list[dict[str, Any]] = rows.filter(pc.equal(rows["prompt_id"], prompt_id)).to_pylist()
        if not found:
            return None
        first, best = found[0], sorted(found, key=lambda row: -row["reward"])
        shared = (first["benchmark"], first["answer"], first["prompt"], first["round"])
        return Written(*shared, [_rollout(row) for row in best])

    def _step(self, number: int) -> Step:
        found = groups(self._rows(number, OF_GROUPS))
        return Step(number, sorted(found, key=lambda group: -group.reward))

    def _rows(self, number: int, columns: Sequence[str]) -> pa.Table:
        stored = self._dataset.manifest.stored_name(name_of(number))
        schema = pa.schema([ROLLOUTS.field(name) for name in columns])
        batches = pages(self._dataset, stored, columns, ROLLOUTS)
        return pa.Table.from_batches([batch.cast(schema) for batch in batches], schema)


def _rollout(row: dict[str, Any]) -> Rollout:
    think, text = divided(row["completion"])
    terms = [(term["term"], term["value"]) for term in row["terms"]]
    verdict = (row["correct"], row["marked"], row["well_formed"])
    return Rollout(
        think, text, *verdict, row["reward"], terms, row["advantage"], row["completion_tokens"], row["truncated"]
    )

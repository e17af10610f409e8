"""Rollouts of a leader's version: one Parquet file per step that is kept, and what is said of a group of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_core.errors import BadInput
from mlpo_core.store.dataset import Dataset
from mlpo_core.store.parquet import Unreadable, decoding, difference
from mlpo_core.store.schemas import ROLLOUTS

FOLDER = "rollouts"
"""Folder of a leader's version in which the files lie."""
OF_GROUPS = ("step", "prompt_id", "task_id", "mode", "question", "completion_tokens", "correct", "reward", "advantage")
"""The columns that `groups` reads; no text is long among them but the question."""
_NAME = re.compile(rf"{FOLDER}/step-(\d{{6,}})\.parquet")
_DICTIONARY = 1 << 26
"""Bytes of the distinct texts of a column: a group's prompt is stored once, also where prompts are long."""


class Group(NamedTuple):
    """What a leader wrote to one prompt at one step.

    Attributes:
        step: Optimizer step, from 1.
        prompt_id: The prompt.
        task_id: Its task.
        mode: `team` or `solo`.
        question: Of the task.
        correct: By completion, whether it is right.
        rewards: The same: what it was worth.
        advantages: The same: that minus the group's mean.
        tokens: Written, over all completions.
    """

    step: int
    prompt_id: str
    task_id: str
    mode: str
    question: str
    correct: tuple[bool, ...]
    rewards: tuple[float, ...]
    advantages: tuple[float, ...]
    tokens: int

    @property
    def reward(self) -> float:
        """The mean of its rewards."""
        return sum(self.rewards) / len(self.rewards)

    @property
    def carries(self) -> bool:
        """Whether the leader learned from it: not all rewards are equal."""
        return any(self.advantages)


def name_of(step: int) -> str:
    """The file of a step."""
    return f"{FOLDER}/step-{step:06d}.parquet"


def step_of(name: str) -> int | None:
    """The step of a file; None where it holds no rollouts."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def steps(dataset: Dataset) -> list[int]:
    """The steps of which a version keeps rollouts, in order."""
    return sorted(step for name in dataset.manifest.files if (step := step_of(name)) is not None)


def encoded(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows of one step as their file."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=ROLLOUTS)
    content = BytesIO()
    pq.write_table(table, content, compression="zstd", write_page_checksum=True, dictionary_pagesize_limit=_DICTIONARY)
    return content.getvalue()


def read(dataset: Dataset, step: int, columns: Iterable[str] | None = None) -> pa.Table:
    """The rows of one step in the schema `ROLLOUTS`, or some columns of them; verified.

    Raises:
        BadInput: The step is not kept, or its file is damaged.
    """
    wanted = ROLLOUTS.names if columns is None else list(columns)
    data = dataset.read_file(name_of(step))
    try:
        with decoding():
            table = pq.read_table(BytesIO(data), columns=wanted, page_checksum_verification=True)
            table.validate(full=True)
    except Unreadable as error:
        raise BadInput(f"{dataset.ref.url}: {name_of(step)}: {error}. Materialize {dataset.ref.asset} again") from error
    if differs := difference(table.schema, ROLLOUTS, wanted):
        raise BadInput(f"{dataset.ref.url}: {name_of(step)} {differs}. Materialize {dataset.ref.asset} again")
    return table.select(wanted).cast(pa.schema([ROLLOUTS.field(name) for name in wanted]))


def groups(rows: pa.Table) -> Iterator[Group]:
    """The groups of rows that have at least the columns `OF_GROUPS`, in their order."""
    by_prompt: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows.select(list(OF_GROUPS)).to_pylist():
        by_prompt.setdefault((row["step"], row["prompt_id"]), []).append(row)
    for (step, prompt_id), members in by_prompt.items():
        first = members[0]
        yield Group(
            step,
            prompt_id,
            first["task_id"],
            first["mode"],
            first["question"],
            tuple(m["correct"] for m in members),
            tuple(m["reward"] for m in members),
            tuple(m["advantage"] for m in members),
            sum(m["completion_tokens"] for m in members),
        )

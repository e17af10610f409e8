"""What methods answer from: test proposals of a shard of tasks as arrays, generations of rounds, and history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.errors import BadInput
from mlpo_core.grading.maths import normalise
from mlpo_core.methods.candidates import Candidates, candidates, joined
from mlpo_core.methods.texts import Texts
from mlpo_core.store import Dataset
from mlpo_core.store.streaming import sums
from mlpo_core.tasks.index import TaskIndex, shards
from mlpo_core.types import Split, Task

_TEXTS = ("proposal_id", "response", "extracted")
_NUMBERS = ("prompt_tokens", "completion_tokens", "amortised_s")
_ENDING = 100
"""Characters at the end of a response in which it is expected to name its answer."""
_ELECTIONS = 20_000
"""Elections of the past at most: further samples of a task teach a vote little that is new."""
_PAST_ROWS = 65536
"""Past proposals held at once."""
_ROUNDS = (
    "task_id",
    "generation_id",
    "method",
    "seed",
    "round",
    "role",
    "response",
    "extracted",
    "correct",
    "prompt_tokens",
    "cached_prompt_tokens",
    "completion_tokens",
    "amortised_s",
)
COLUMNS = ("task_id", "agent", "sample_index", "correct", *_TEXTS, *_NUMBERS)


class Cost(NamedTuple):
    """Tokens and seconds of some calls; None where one of them was not recorded."""

    prompt_tokens: int | None
    cached_prompt_tokens: int | None
    completion_tokens: int | None
    amortised_s: float | None


@dataclass(frozen=True)
class Cube:
    """The proposals of some tasks, in the shape (tasks, agents, samples).

    `codes` numbers the distinct answers (-1: none was read out); `answers[code]` is the answer in the form in which
    votes are compared. Numbers that were not recorded are NaN.
    """

    proposal_id: Texts
    response: Texts
    extracted: Texts
    correct: np.ndarray
    prompt_tokens: np.ndarray
    completion_tokens: np.ndarray
    amortised_s: np.ndarray
    codes: np.ndarray
    answers: list[str]

    def cost(self, task: int, agents: Any, samples: Any) -> Cost:
        """Sum over the proposals of a task at these agent and sample positions."""
        prompt, completion, seconds = (
            float(np.sum(a[task, agents, samples]))
            for a in (self.prompt_tokens, self.completion_tokens, self.amortised_s)
        )
        return Cost(_whole(prompt), None if np.isnan(prompt) else 0, _whole(completion), _finite(seconds))


@dataclass(frozen=True)
class Shard:
    """Some test tasks with everything that is known about them.

    Attributes:
        tasks: The tasks.
        agents: Agent names, in the order of the cube.
        cube: Their proposals.
        rounds: Rows of `team_rounds` by method, seed, task and round.
    """

    tasks: Sequence[Task]
    agents: Sequence[str]
    cube: Cube
    rounds: dict[tuple[str, int, str, int], list[dict[str, Any]]]

    @property
    def samples(self) -> int:
        """Samples of every agent per task."""
        return self.cube.codes.shape[2]

    def candidates(self, sample: int) -> Candidates:
        """The answers of one sample of every agent to every task."""
        cube = self.cube
        return candidates(
            self.tasks,
            cube.codes[:, :, sample],
            cube.correct[:, :, sample],
            cube.response.measured(pc.utf8_length)[:, :, sample],
            cube.response.measured(_names_an_answer)[:, :, sample],
        )


def canonical(kind: str, extracted: str) -> str:
    """An extracted answer in the form in which votes are counted: equal forms are one answer."""
    if kind == "math":
        return normalise(extracted)
    return " ".join(extracted.split()).casefold()


def read_cube(index: TaskIndex, tasks: Sequence[Task], agents: Sequence[str], samples: int) -> Cube:
    """The first `samples` proposals of every agent on these tasks.

    Raises:
        BadInput: A proposal is missing, or there twice; names task, agent and sample.
    """
    table = index.read([t.task_id for t in tasks], COLUMNS)
    agent_at = pc.index_in(table["agent"], pa.array(agents))
    wanted = pc.and_(pc.less(table["sample_index"], samples), pc.is_valid(agent_at))
    if not pc.all(wanted).as_py():
        table, agent_at = table.filter(wanted), agent_at.filter(wanted)
    shape = (len(tasks), len(agents), samples)
    task_at = pc.index_in(table["task_id"], pa.array([t.task_id for t in tasks])).to_numpy()
    place = (task_at, agent_at.to_numpy(), table["sample_index"].to_numpy())
    flat = np.asarray(np.ravel_multi_index(place, shape))
    _check_cells(flat, shape, tasks, agents)
    rows = np.empty(shape, np.int64)
    rows.reshape(-1)[flat] = np.arange(len(flat))  # every cell is there once
    cells = {name: table[name].cast(pa.float64()).to_numpy()[rows] for name in _NUMBERS}
    codes, answers = _codes(table["extracted"], [task.answer_kind for task in tasks], task_at)
    return Cube(
        **{name: Texts(table[name], rows) for name in _TEXTS},
        **cells,
        correct=table["correct"].to_numpy()[rows],
        codes=codes[rows],
        answers=answers,
    )


class History:
    """What is known before the test: how often agents were right on train and dev tasks. Read when first asked for."""

    def __init__(
        self,
        tasks: dict[str, Task],
        agents: Sequence[str],
        agent_proposals: Dataset,
        benchmark_proposals: Dataset,
        dev_rounds: Dataset | None = None,
    ) -> None:
        self.tasks = tasks
        self.agents = list(agents)
        self._agent_proposals = agent_proposals
        self._benchmark_proposals = benchmark_proposals
        self._dev_rounds = dev_rounds

    @cached_property
    def rates(self) -> dict[str, np.ndarray]:
        """By train or dev task: the share of right proposals of every agent (NaN without any)."""
        counts = sums(self._agent_proposals.batches(["task_id", "agent", "correct"]), ["task_id", "agent"], ["correct"])
        rates: dict[str, np.ndarray] = {}
        for row in counts.to_pylist():
            if row["task_id"] in self.tasks and row["agent"] in self.agents:
                rate = rates.setdefault(row["task_id"], np.full(len(self.agents), np.nan))
                rate[self.agents.index(row["agent"])] = row["correct"] / row["n"]
        return rates

    @cached_property
    def on_dev(self) -> np.ndarray:
        """Every agent's share of right proposals on dev tasks (on train tasks where there are no dev tasks)."""
        dev = [rate for task, rate in self.rates.items() if self.tasks[task].split == "dev"]
        found = dev or list(self.rates.values())
        return np.nan_to_num(np.nanmean(found, axis=0)) if found else np.zeros(len(self.agents))

    @cached_property
    def train(self) -> Candidates:
        """The elections of train tasks: what learned votes are fitted on."""
        return self._elections("train")

    @cached_property
    def dev(self) -> Candidates:
        """The elections of dev tasks: what they are chosen on."""
        return self._elections("dev")

    def dev_shards(self) -> Iterator["Shard"]:
        """The dev tasks with the rounds that were run on them; none where there were no rounds."""
        tasks = [task for task in self.tasks.values() if task.split == "dev"]
        if self._dev_rounds is None or not tasks:
            return
        samples = samples_per_agent(self._agent_proposals, [t.task_id for t in tasks], self.agents)
        index, rounds = TaskIndex(self._agent_proposals), TaskIndex(self._dev_rounds)
        for some in shards(tasks, max(1, _PAST_ROWS // (samples * len(self.agents)))):
            cube = read_cube(index, some, self.agents, samples)
            yield Shard(some, self.agents, cube, read_rounds(rounds, some))

    def _elections(self, split: Split) -> Candidates:
        tasks = [task for task in self.tasks.values() if task.split == split]
        return joined(list(self._past(tasks)) if tasks else [], len(self.agents))

    def _past(self, tasks: Sequence[Task]) -> Iterator[Candidates]:
        there = samples_per_agent(self._agent_proposals, [t.task_id for t in tasks], self.agents)
        samples = max(1, min(there, _ELECTIONS // len(tasks)))
        index = TaskIndex(self._agent_proposals)
        for some in shards(tasks, max(1, _PAST_ROWS // (samples * len(self.agents)))):
            shard = Shard(some, self.agents, read_cube(index, some, self.agents, samples), {})
            yield from (shard.candidates(sample) for sample in range(samples))

    @cached_property
    def on_test(self) -> np.ndarray:
        """Every agent's share of right proposals on test tasks: an oracle's knowledge."""
        counts = sums(self._benchmark_proposals.batches(["agent", "correct"]), ["agent"], ["correct"])
        share = {row["agent"]: row["correct"] / row["n"] for row in counts.to_pylist()}
        return np.array([share.get(a, 0.0) for a in self.agents])


def read_rounds(
    index: TaskIndex | None, tasks: Sequence[Task]
) -> dict[tuple[str, int, str, int], list[dict[str, Any]]]:
    """The generations on these tasks by method, seed, task and round; none without an index."""
    found: dict[tuple[str, int, str, int], list[dict[str, Any]]] = {}
    if index:
        for batch in index.batches([t.task_id for t in tasks], _ROUNDS):
            for row in batch.to_pylist():
                found.setdefault((row["method"], row["seed"], row["task_id"], row["round"]), []).append(row)
    return found


def samples_per_agent(proposals: Dataset, tasks: Sequence[str], agents: Sequence[str]) -> int:
    """Samples that every agent has on every one of these tasks.

    Raises:
        BadInput: An agent has none on some task.
    """
    counts = sums(proposals.batches(["task_id", "agent"]), ["task_id", "agent"], [])
    found = {(row["task_id"], row["agent"]): row["n"] for row in counts.to_pylist()}
    missing = [(t, a) for t in tasks for a in agents if (t, a) not in found]
    if missing:
        named = ", ".join(f"{a} on {t}" for t, a in missing[:5])
        raise BadInput(
            f"{proposals.ref.asset}: {len(missing)} answers are missing ({named}{', …' if len(missing) > 5 else ''}), "
            f"so methods cannot be compared on the same tasks. Make {proposals.ref.asset} again"
        )
    return min(found[t, a] for t in tasks for a in agents)


def _check_cells(flat: np.ndarray, shape: tuple[int, int, int], tasks: Sequence[Task], agents: Sequence[str]) -> None:
    filled = np.bincount(flat, minlength=int(np.prod(shape)))
    for problem, cells in (("is there twice", filled > 1), ("is missing", filled == 0)):
        if cells.any():
            task, agent, sample = np.unravel_index(int(np.argmax(cells)), shape)
            raise BadInput(
                f"benchmark_proposals: sample {sample} of {agents[int(agent)]} on task {tasks[int(task)].task_id} "
                f"{problem} ({int(cells.sum())} such). Make benchmark_proposals again"
            )


def _codes(extracted: pa.ChunkedArray, kinds: Sequence[str], task_at: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Number the answers, comparing each in the way of its task's kind. Each distinct string is normalised once."""
    codes = np.full(len(extracted), -1, np.int32)
    numbers: dict[str, int] = {}
    names, kind_of_task = np.unique(kinds, return_inverse=True)
    for which, kind in enumerate(names.tolist()):
        of_kind = kind_of_task[task_at] == which
        found = extracted.filter(pa.array(of_kind)).combine_chunks().dictionary_encode()
        forms = (canonical(kind, text) for text in found.dictionary.to_pylist())
        number = np.array([*(numbers.setdefault(form, len(numbers)) for form in forms), -1], np.int32)
        codes[of_kind] = number[found.indices.fill_null(-1).to_numpy()]
    return codes, list(numbers)


def _names_an_answer(responses: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether responses say near their end that an answer follows: `the answer is`, `<answer>`, a box."""
    endings = pc.utf8_slice_codeunits(responses, -_ENDING)
    return pc.match_substring_regex(endings, r"(?i)answer|\\boxed")


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else round(value)


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else value

"""What a list of tasks needs of an experiment, as arrays: verdicts and answers of every way, no model's texts."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.benchmark.outcomes import Way
from mlpo_core.errors import BadInput
from mlpo_core.viewer.outcomes import classify
from mlpo_core.viewer.parts import Parts

_LONGEST = 200
"""Characters of an answer that are kept."""


@dataclass
class Answers:
    """Of one way or agent; arrays have the shape (tasks,)."""

    verdict: npt.NDArray[np.int8]
    """1 right, 0 wrong, -1 without an answer."""
    text: npt.NDArray[np.int32]
    """Place in `Index.texts`; -1 where none was read."""


@dataclass
class Index:
    """Test tasks in their order, and who answered them how."""

    tasks: pa.Table
    """Columns task_id, benchmark, subject, question, choices, answer."""
    seeds: list[int] = field(default_factory=list)
    """In the order of the experiment: a seed's place says which sample of an agent stands for it."""
    ways: dict[Way, dict[int, Answers]] = field(default_factory=dict)
    """By way and seed."""
    agents: list[str] = field(default_factory=list)
    samples: int = 1
    proposed: dict[tuple[str, int], Answers] = field(default_factory=dict)
    """By agent and sample index."""
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._codes: dict[str, int] = {text: code for code, text in enumerate(self.texts)}
        ids: list[str] = self.tasks["task_id"].to_pylist()
        self._places = {task_id: place for place, task_id in enumerate(ids)}

    def __len__(self) -> int:
        return self.tasks.num_rows

    def place(self, task_id: str) -> int | None:
        """Where a task stands; None where it is no test task of this experiment."""
        return self._places.get(task_id)

    def code(self, text: str) -> int:
        """The place of an answer in `texts`, where it is put if it is new."""
        if (found := self._codes.get(text)) is None:
            found = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return found

    def text(self, answers: Answers, task: int) -> str | None:
        """The answer that was read; None where none was."""
        code = int(answers.text[task])
        return None if code < 0 else self.texts[code]

    def team(self, seed: int) -> list[tuple[str, Answers]]:
        """What every agent had answered before anybody led it, under a seed."""
        sample = self.seeds.index(seed) % self.samples
        return [(agent, self.proposed[agent, sample]) for agent in self.agents if (agent, sample) in self.proposed]

    def outcomes(self, way: Way, seed: int) -> npt.NDArray[np.int8]:
        """The outcome of every task, as a code of `mlpo_core.viewer.outcomes`."""
        team = [answers for _, answers in self.team(seed)]
        shape = (len(team), len(self))
        right = np.array([a.verdict == 1 for a in team], dtype=np.bool_).reshape(shape)
        texts = np.array([a.text for a in team], dtype=np.int32).reshape(shape)
        return classify(self.ways[way][seed].verdict, right, texts)


def build(tasks: Parts, predictions: Parts, proposals: Parts) -> Index:
    """Read the index of an experiment.

    Raises:
        BadInput: A part is damaged, or there is nothing to read.
    """
    columns = ["task_id", "benchmark", "subject", "question", "choices", "answer", "split"]
    read = [table.filter(pc.equal(table["split"], "test")).drop_columns(["split"]) for table in tasks.each(columns)]
    index = Index(pa.concat_tables(read).combine_chunks()) if read else None
    if not index:
        raise BadInput(f"{tasks.dataset.ref.url} has no test task: there is nothing to view")
    ids = index.tasks["task_id"].combine_chunks()
    for table in predictions.each(["task_id", "method", "rounds", "seed", "extracted", "correct"]):
        for batch in table.to_batches():
            _add_predictions(index, batch, ids)
    if not index.ways:
        raise BadInput(f"{predictions.dataset.ref.url} has no row: there is nothing to view")
    _add_proposals(index, proposals, ids)
    return index


def _add_predictions(index: Index, batch: pa.RecordBatch, ids: pa.Array) -> None:
    index.seeds += [seed for seed in pc.unique(batch["seed"]).to_pylist() if seed not in index.seeds]
    at, verdict, text = _cells(index, batch, ids)
    methods = batch["method"].dictionary_encode()
    keys = np.stack([np.asarray(methods.indices), np.asarray(batch["rounds"]), np.asarray(batch["seed"])])
    found, first, inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    for column in np.argsort(first):  # in the order of the rows, which is that of the report
        method, rounds, seed = found[:, column].tolist()
        way = Way(methods.dictionary[method].as_py(), rounds)
        answers = index.ways.setdefault(way, {}).setdefault(seed, _nothing(len(index)))
        _put(answers, at, verdict, text, inverse.reshape(-1) == column)


def _add_proposals(index: Index, proposals: Parts, ids: pa.Array) -> None:
    counts: dict[str, npt.NDArray[np.int64]] = {}
    for table in proposals.each(["task_id", "agent", "sample_index", "extracted", "correct"]):
        for batch in table.to_batches():
            at, verdict, text = _cells(index, batch, ids)
            agents = batch["agent"].dictionary_encode()
            samples = np.asarray(batch["sample_index"])
            for code, agent in enumerate(agents.dictionary.to_pylist()):
                own = (np.asarray(agents.indices) == code) & (at >= 0)
                counts.setdefault(agent, np.zeros(len(index), np.int64))
                counts[agent] += np.bincount(at[own], minlength=len(index))
                for sample in range(len(index.seeds)):
                    answers = index.proposed.setdefault((agent, sample), _nothing(len(index)))
                    _put(answers, at, verdict, text, own & (samples == sample))
    index.agents = list(counts)
    index.samples = max(1, min((int(count.min()) for count in counts.values()), default=1))


def _cells(
    index: Index, batch: pa.RecordBatch, ids: pa.Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], npt.NDArray[np.int32]]:
    """Of every row its task's place (-1 for a task that is none of the test), verdict and answer."""
    at = np.asarray(pc.fill_null(pc.index_in(batch["task_id"], value_set=ids), -1)).astype(np.int64)
    verdict = batch["correct"].to_numpy(zero_copy_only=False).astype(np.int8)
    texts = pc.utf8_slice_codeunits(batch["extracted"], 0, _LONGEST).dictionary_encode()
    codes = np.array([index.code(text) for text in texts.dictionary.to_pylist()] + [-1], dtype=np.int32)
    return at, verdict, codes[np.asarray(pc.fill_null(texts.indices, len(codes) - 1))]


def _put(
    answers: Answers,
    at: npt.NDArray[np.int64],
    verdict: npt.NDArray[np.int8],
    text: npt.NDArray[np.int32],
    rows: npt.NDArray[np.bool_],
) -> None:
    rows = rows & (at >= 0)
    answers.verdict[at[rows]] = verdict[rows]
    answers.text[at[rows]] = text[rows]


def _nothing(tasks: int) -> Answers:
    return Answers(np.full(tasks, -1, np.int8), np.full(tasks, -1, np.int32))

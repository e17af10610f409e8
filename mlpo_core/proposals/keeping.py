"""`filter.keep`: which tasks within the bounds are kept, by what the team answered: built in, or somebody's function.

Such a function is `keep(answers) -> bool`, called with the `Answer`s of one task, those of no engine left out.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment.proposals import MAJORITY_WRONG
from mlpo_core.plugins import FILTERS, load
from mlpo_core.store import Dataset
from mlpo_core.tasks.index import TaskIndex, shards

_SHARD_TASKS = 128
_FIELD = "filter.keep"


class Answer(NamedTuple):
    """One agent's answer to a task; `extracted` is None where none was read out of `response`."""

    task_id: str
    benchmark: str
    agent: str
    sample_index: int
    response: str
    extracted: str | None
    correct: bool


def refused(proposals: Dataset, tasks: Sequence[str], keep: str) -> set[str]:
    """Those of some tasks that are not kept.

    Args:
        proposals: `agent_proposals`.
        tasks: Ids of the tasks within the bounds.
        keep: What `filter.keep` names.

    Raises:
        BadInput: There is no such function, or it fails, or says neither yes nor no; names the task.
    """
    function: Callable[..., Any] = majority_wrong if keep == MAJORITY_WRONG else load(keep, _FIELD, FILTERS)
    index = TaskIndex(proposals)
    found: set[str] = set()
    for some in shards(tasks, _SHARD_TASKS):
        answers: dict[str, list[Answer]] = {task: [] for task in some}
        for batch in index.batches(some, (*Answer._fields, "finish_reason")):
            for row in batch.to_pylist():
                if row.pop("finish_reason") != "error":
                    answers[row["task_id"]].append(Answer(**row))
        found.update(task for task in some if not _kept(function, keep, answers[task]))
    return found


def majority_wrong(answers: Sequence[Answer]) -> bool:
    """Whether no right answer is more frequent than every wrong one. Wrong ones are compared as they are written."""
    right = sum(answer.correct for answer in answers)
    wrong = Counter(" ".join(a.extracted.split()).casefold() for a in answers if a.extracted and not a.correct)
    return right <= max(wrong.values(), default=0)


def _kept(function: Callable[..., Any], keep: str, answers: Sequence[Answer]) -> bool:
    task = answers[0].task_id
    try:
        found = function(answers)
    except Exception as error:
        raise BadInput(f"{_FIELD}: {keep}: failed on task {task}: {type(error).__name__}: {error}") from error
    if found is not True and found is not False:
        raise BadInput(f"{_FIELD}: {keep}: gave {found!r:.80} for task {task}. A filter gives True or False")
    return found

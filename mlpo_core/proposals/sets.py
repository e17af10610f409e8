"""Which proposals a leader is shown together, for which tasks."""

from collections.abc import Collection, Mapping, Sequence

import pyarrow.compute as pc

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.prompts.budget import Proposal
from mlpo_core.tasks.index import TaskIndex

_COLUMNS = ("task_id", "agent", "sample_index", "proposal_id", "response", "extracted", "correct")


def proposal_sets(
    index: TaskIndex,
    agents: Sequence[str],
    task_ids: Collection[str],
    limit: int,
    asked: Mapping[str, int] | None = None,
) -> dict[str, dict[int, list[Proposal]]]:
    """The first `limit` proposal sets of these tasks: by task and variant j, the j-th sample of every agent, in order.

    A variant for which an agent has no sample is left out, unless the agent was asked less often than others: then its
    samples stand in again, from the first.

    Args:
        index: Of the proposals.
        agents: Names, in the order in which they are shown.
        task_ids: The tasks.
        limit: Variants of a task at most.
        asked: How many samples agents were asked for that may have fewer than others.
    """
    found: dict[tuple[str, int, str], Proposal] = {}
    for batch in index.batches(task_ids, _COLUMNS):
        for row in batch.filter(pc.less(batch.column("sample_index"), limit)).to_pylist():
            found[row["task_id"], row["sample_index"], row["agent"]] = Proposal(
                row["proposal_id"], row["response"], row["extracted"], row["correct"]
            )
    asked = asked or {}
    variants: dict[str, dict[int, list[Proposal]]] = {}
    for task, j in sorted({(task, j) for task, j, _ in found}):
        chosen = [found.get((task, j, a)) or found.get((task, j % asked.get(a, j + 1), a)) for a in agents]
        complete = [p for p in chosen if p is not None]
        if len(complete) == len(agents):
            variants.setdefault(task, {})[j] = complete
    return variants


def hard_train_tasks(ctx: Context, tasks: Collection[str]) -> list[str]:
    """Ids of the training tasks that the filter kept, sorted.

    Raises:
        BadInput: None are left.
    """
    rows = ctx.inputs["hard_tasks"].rows(["task_id", "split", "kept"])
    kept = sorted(r["task_id"] for r in rows if r["kept"] and r["split"] == "train" and r["task_id"] in tasks)
    if not kept:
        raise BadInput(
            "hard_tasks: the filter kept no training task. Raise filter.max_correct_rate, lower "
            "filter.min_correct_rate, or give more training tasks (tasks.*.train)"
        )
    return kept


def spread(position: int, share: float) -> bool:
    """Whether the item at `position` belongs to a share spread evenly over a sequence: exact for any prefix, to one."""
    return int((position + 1) * share + 1e-9) > int(position * share + 1e-9)

"""Refuses to test a leader on tasks that it was trained on, where another experiment trained it (`trained_by`)."""

from collections.abc import Mapping

from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Store
from mlpo_core.store.lineage import chain
from mlpo_core.tasks.rows import task_of
from mlpo_core.tasks.split import normalised


def check_disjoint(leaders: Mapping[str, Dataset], tasks: Dataset, store: Store) -> None:
    """Compare the training tasks behind every leader with the test tasks, by normalised text.

    One experiment's own tasks are disjoint as they are divided, so only those of another version are compared.

    Raises:
        BadInput: Some are the same; names leader and tasks.
    """
    others = {
        used.ref.key: (leader, used)
        for leader, dataset in leaders.items()
        if (used := chain({leader: dataset}, store).get("tasks")) and used.ref.key != tasks.ref.key
    }
    if not others:
        return
    test = {_text(row): row["task_id"] for row in tasks.rows() if row["split"] == "test"}
    for leader, used in others.values():
        shared = [test[text] for row in used.rows() if row["split"] != "test" and (text := _text(row)) in test]
        if shared:
            raise BadInput(
                f"{leader} was trained on {len(shared)} of the test tasks ({', '.join(shared[:5])}): its accuracy on "
                "them would say nothing. Test it on other tasks, or divide them as the experiment in trained_by does"
            )


def _text(row: Mapping[str, object]) -> str:
    task = task_of(row)
    return normalised(task.question, task.choices)

"""What taught a leader: of a training task the kept steps that were trained on it, of a leader's answer its training.

Rows of a training are no rows of the chain: many completions go into one leader, and the leader into every answer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mlpo_core.chain.trace import Row
from mlpo_core.errors import BadInput
from mlpo_core.listening import addresses
from mlpo_core.methods.leaders import LEADERS
from mlpo_core.progress import log
from mlpo_core.store import Dataset, Store
from mlpo_core.store.rollouts import OF_GROUPS, Group, groups, read, steps

_SHOWN = 20
"""Groups that are listed of a leader."""


class Taught(NamedTuple):
    """What is told of one leader: a title, then lines."""

    title: str
    lines: Sequence[str]


def trained(store: Store, partition: str) -> dict[str, Dataset]:
    """The leaders of an experiment that keep rollouts, by asset; a pointer that cannot be read is said and left out."""
    found: dict[str, Dataset] = {}
    for asset in dict.fromkeys(LEADERS.values()):
        try:
            ref = store.pointed(partition, asset)
            if ref and steps(leader := Dataset(ref, sets_aside=False)):
                found[asset] = leader
        except BadInput as error:
            log(f"{partition}: {asset} is left out: {error}")
    return found


def taught(leaders: Mapping[str, Dataset], partition: str, up: Sequence[Row], down: Sequence[Row]) -> list[Taught]:
    """What is to be told of the leaders behind a row.

    Args:
        leaders: Those that keep rollouts.
        partition: Their experiment.
        up: The row, and those that led to it.
        down: Those that it led to.

    Raises:
        BadInput: A file of rollouts is damaged.
    """
    wanted, answers = _wanted(up[0], down), _answering([*up, *down])
    found: list[Taught] = []
    for asset, leader in leaders.items():
        if wanted:
            found.append(_of_groups(leader, partition, wanted))
        elif asset in answers:
            found.append(_of_training(leader, partition))
    return found


def _wanted(row: Row, down: Sequence[Row]) -> Callable[[Group], bool] | None:
    """Which groups were trained on what the row is of; None where it is of no training prompt."""
    of_training = [r for r in (row, *down) if r.values.get("split") == "train"]
    if not of_training:
        return None
    if row.asset in ("tasks", "hard_tasks"):
        return lambda group: group.task_id == row.id
    prompts = {r.id for r in of_training if r.asset == "mlpo_dataset"}
    return lambda group: group.prompt_id in prompts


def _answering(rows: Iterable[Row]) -> set[str]:
    """The assets of the leaders that answered or led in some row."""
    methods = (row.values.get("method") or "" for row in rows)
    return {LEADERS[which] for method in methods if (which := method.partition("/")[0]) in LEADERS}


def _of_groups(leader: Dataset, partition: str, wanted: Callable[[Group], bool]) -> Taught:
    kept = steps(leader)
    found = [group for step in kept for group in _groups(leader, step) if wanted(group)]
    lines = [_line(group) for group in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"… and {len(found) - _SHOWN} more groups")
    if not found:
        lines.append(f"at none of its {len(kept)} kept steps (keep_rollouts says how many are kept)")
    link = _link(leader, partition, found[0]) if found else _link(leader, partition)
    return Taught(f"{_named(leader)} was trained on it", [*lines, link])


def _of_training(leader: Dataset, partition: str) -> Taught:
    kept = steps(leader)
    best = worst = None
    for step in kept:
        for group in _groups(leader, step):
            best = group if best is None or group.reward > best.reward else best
            worst = group if worst is None or group.reward < worst.reward else worst
    lines = [f"rollouts of {len(kept)} steps are kept, from step {kept[0]} to {kept[-1]}"]
    lines += [f"{name}: {_line(group)}" for name, group in (("best group", best), ("worst group", worst)) if group]
    return Taught(f"{_named(leader)} wrote it", [*lines, _link(leader, partition)])


def _groups(leader: Dataset, step: int) -> Iterable[Group]:
    return groups(read(leader, step, OF_GROUPS))


def _named(leader: Dataset) -> str:
    return f"{leader.ref.asset} {leader.ref.key}"


def _line(group: Group) -> str:
    right, written = sum(group.correct), len(group.correct)
    low, high = min(group.advantages), max(group.advantages)
    return (
        f"step {group.step}, prompt {group.prompt_id} ({group.mode}, task {group.task_id}): {right} of {written} "
        f"right, mean reward {group.reward:.3g}, advantages {low:+.3g} to {high:+.3g}"
    )


def _link(leader: Dataset, partition: str, group: Group | None = None) -> str:
    step, prompt_id = (group.step, group.prompt_id) if group else (None, "")
    path = addresses.training(partition, leader.ref.asset, step, prompt_id)
    return f"to read it: {addresses.linked(path) or addresses.usual(path)}"

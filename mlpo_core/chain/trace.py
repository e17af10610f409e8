"""Row lineage: from any id, the rows that led to it, up to the task, and what was made of it, down to the report.

Reads only id columns, part by part; the chain is the one that an experiment's pointers name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.errors import BadInput
from mlpo_core.progress import log
from mlpo_core.store import Dataset, Store


class Link(NamedTuple):
    """How one asset's rows are named, and which ids they came from."""

    id: str
    parents: tuple[str, ...]


LINKS: dict[str, Link] = {
    "tasks": Link("task_id", ()),
    "agent_proposals": Link("proposal_id", ("task_id",)),
    "hard_tasks": Link("task_id", ("task_id",)),
    "sft_dataset": Link("trace_id", ("task_id", "proposal_ids")),
    "mlpo_dataset": Link("prompt_id", ("task_id", "proposal_ids")),
    "dev_rounds": Link("generation_id", ("task_id", "input_ids")),
    "benchmark_proposals": Link("proposal_id", ("task_id",)),
    "team_rounds": Link("generation_id", ("task_id", "input_ids")),
    "benchmark_predictions": Link("prediction_id", ("task_id", "source_ids")),
}
"""In the order in which data flows."""

_ROUNDS = ("dev_rounds", "team_rounds")
"""Their rows name each other: a later round reads an earlier one."""


class Rows(Protocol):
    """What a chain is read from: a version, or one that is being written."""

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterable[pa.RecordBatch]:
        """Record batches in row order."""
        ...


Chain = Mapping[str, Rows]
"""By asset; one that the experiment does not have is absent."""


UNCOUNTED = "nothing (train or dev data)"


class Row(NamedTuple):
    """One row of the chain."""

    asset: str
    id: str
    values: dict[str, Any]
    parents: tuple[str, ...]


def datasets(store: Store, partition: str) -> dict[str, Dataset]:
    """The chain that an experiment points to; a pointer that cannot be read is said, and left out.

    Raises:
        BadInput: Nothing has been made for it.
    """
    found: dict[str, Dataset] = {}
    for asset in LINKS:
        try:
            ref = store.pointed(partition, asset)
        except BadInput as error:
            log(f"{partition}: {asset} is left out: {error}")
            continue
        if ref:
            found[asset] = Dataset(ref, sets_aside=False)
    if not found:
        raise BadInput(f"{partition}: nothing has been made for this experiment under {store.root}")
    return found


def ancestors(chain: Chain, wanted: str) -> list[Row]:
    """The row with this id and every row it came from, nearest first.

    Raises:
        BadInput: No row has this id.
    """
    rows: list[Row] = []
    open_ids, seen = {wanted}, set[str]()
    for asset in reversed(LINKS):
        if asset not in chain or asset == "hard_tasks" or (asset == "dev_rounds" and rows):  # no row is made of these
            continue
        while more := list(found_by(chain[asset], asset, LINKS[asset].id, open_ids - seen)):
            for row in more:
                seen.add(row.id)
                rows.append(row)
                open_ids.update(row.parents)
            if asset not in _ROUNDS:
                break
    if not any(row.id == wanted for row in rows):
        raise BadInput(
            f"{wanted}: no task, proposal, trace, prompt, generation or prediction of this chain has this id"
        )
    return rows


def descendants(chain: Chain, wanted: str, asset: str = "tasks") -> list[Row]:
    """Every row that was made of this one, directly or not, in the order in which data flows.

    Args:
        chain: Where to look.
        wanted: Id of the row.
        asset: Whose row it is, if that is known: nothing before it is read.
    """
    found: dict[tuple[str, str], Row] = {}
    ids = {wanted}
    for later in list(LINKS)[list(LINKS).index(asset) :]:
        more = later in chain
        while more:
            rows = [row for column in LINKS[later].parents for row in found_by(chain[later], later, column, ids)]
            made = {(row.asset, row.id): row for row in rows}
            more = later in _ROUNDS and not made.keys() <= found.keys()
            found |= made
            ids.update(row.id for row in rows)
    return list(found.values())


def cells(rows: Iterable[Row]) -> list[str]:
    """The report cells that the predictions among these rows count in."""
    found: set[str] = set()
    for row in rows:
        if row.asset == "benchmark_predictions":
            v = row.values
            found.add(f"accuracy of {v['method']} (T={v['rounds']}, seed {v['seed']}) on {v['benchmark']}")
    return sorted(found)


def told(up: Sequence[Row], down: Sequence[Row]) -> list[str]:
    """The chain of one row as lines: what led to it, the row first, and what it led to."""
    lines = ["came from:", *(_line(r) for r in up), "", f"led to {len(down)} rows:"]
    lines += [_line(r) for r in down[:20]]
    if len(down) > 20:
        lines.append(f"  … and {len(down) - 20} more")
    counted = cells([*up, *down])
    return [*lines, "", "counts in the report as:", *(f"  {c}" for c in counted or [UNCOUNTED])]


def _line(row: Row) -> str:
    shown = {k: v for k, v in row.values.items() if k in _SHOWN and v is not None}
    details = ", ".join(f"{k}={str(v)[:60]!r}" if isinstance(v, str) else f"{k}={v}" for k, v in shown.items())
    return f"  {row.asset:22} {row.id}  {details}"


_SHOWN = (
    "benchmark", "subject", "split", "agent", "sample_index", "kind", "mode", "variant", "method", "round", "rounds",
    "role", "seed", "kept", "reason", "extracted", "answer", "correct",
)  # fmt: skip


def as_row(asset: str, values: dict[str, Any]) -> Row:
    """A row of an asset, from its columns."""
    link = LINKS[asset]
    parents: list[str] = []
    for name in link.parents:
        parents += values[name] if isinstance(values[name], list) else [values[name]]
    return Row(asset, values[link.id], values, tuple(parents))


def found_by(dataset: Rows, asset: str, column: str, ids: set[str]) -> Iterator[Row]:
    """The rows of which a column has, or a list column has among its values, one of these ids; id columns only."""
    if not ids:
        return
    link = LINKS[asset]
    columns = [n for n in dataset.schema.names if n in {link.id, *link.parents, *_SHOWN}]
    values = list(ids)
    for batch in dataset.batches(columns):
        if column.endswith("_ids"):
            lists = batch.column(column)
            hits = pc.is_in(pc.list_flatten(lists), value_set=_array(values))
            selected = pc.unique(pc.list_parent_indices(lists).filter(hits))
        else:
            selected = pc.indices_nonzero(pc.is_in(batch.column(column), value_set=_array(values)))
        for row in batch.take(selected).to_pylist():
            yield as_row(asset, row)


def _array(values: list[str]) -> Any:
    return pa.array(values, pa.string())

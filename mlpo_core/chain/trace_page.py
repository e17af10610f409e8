"""Row lineage as a page: every row behind an id with its whole text, and the figures of the report that it counts in.

A phase writes one for a few rows of what it makes (`trace.html`, linked from the version's metadata in Dagster).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.benchmark.report.page import render
from mlpo_core.chain.trace import (
    LINKS,
    UNCOUNTED,
    Chain,
    Row,
    Rows,
    ancestors,
    as_row,
    cells,
    descendants,
    found_by,
    told,
)
from mlpo_core.chain.trace_training import Taught, taught
from mlpo_core.context import Context
from mlpo_core.store import Dataset
from mlpo_core.store.lineage import chain as versions_behind
from mlpo_core.store.schemas import VOLATILE
from mlpo_core.store.writer import Writer

NAME = "trace.html"
_TEXTS = ("question", "prompt", "response", "completion")
_LONGEST = 4000
"""Characters of a text that are shown."""
_SHOWN = 50
"""Rows that are shown at most on each side of one row: a vote may have thousands."""
_EXAMPLES = 3
_OF_EACH: Mapping[str, str] = {
    "agent_proposals": "agent",
    "hard_tasks": "reason",
    "sft_dataset": "kind",
    "mlpo_dataset": "mode",
    "dev_rounds": "role",
    "benchmark_proposals": "agent",
    "team_rounds": "role",
    "benchmark_predictions": "method",
}
"""A version's examples differ in this column."""
_TRAINED = "mlpo_leader/team"
"""The method whose rows are shown first."""
_FURTHER = "python -m mlpo_core trace ID --html FILE"


class Step(NamedTuple):
    """A row: `facts` are its small columns, `texts` what was asked, read or written."""

    asset: str
    id: str
    facts: Sequence[tuple[str, str]]
    texts: Sequence[tuple[str, str]]


class Story(NamedTuple):
    """What led to one row, what it led to, and where it counts."""

    id: str
    asset: str
    up: Sequence[Step]
    down: Sequence[Step]
    behind: int
    """Rows that led to it; `up` has the row itself, the nearest of them, and the task."""
    made: int
    """Rows made of it; `down` has the first of them."""
    cells: Sequence[str]
    taught: Sequence[Taught] = ()
    """What is told of the leaders that it trained, or that wrote it."""


class Unfinished:
    """The rows of a version that is being written."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.schema: pa.Schema = writer.schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches in row order, part by part."""
        for part in sorted(self._writer.done()):
            table = self._writer.part(part)
            yield from (table.select(list(columns)) if columns else table).to_batches()


def page(chain: Chain, wanted: str, leaders: Mapping[str, Dataset], partition: str) -> bytes:
    """The page of one id.

    Args:
        chain: Where its rows are.
        wanted: The id.
        leaders: Those of the experiment that keep rollouts.
        partition: The experiment.

    Raises:
        BadInput: No row has this id.
    """
    up = ancestors(chain, wanted)
    down = descendants(chain, wanted, up[0].asset)
    return _render([_story(chain, wanted, up, down)._replace(taught=taught(leaders, partition, up, down))])


def text(chain: Chain, wanted: str, leaders: Mapping[str, Dataset], partition: str) -> str:
    """The same as text, without the rows' own. Arguments and errors as there."""
    up = ancestors(chain, wanted)
    down = descendants(chain, wanted, up[0].asset)
    lines = told(up, down)
    for leader in taught(leaders, partition, up, down):
        lines += ["", f"{leader.title}:", *(f"  {line}" for line in leader.lines)]
    return "\n".join(lines)


def put_examples(ctx: Context) -> None:
    """Write the page of a few rows of what a phase has made, beside it. What has no rows of the chain has no page."""
    made = ctx.writer.asset
    asset = "benchmark_predictions" if made == "benchmark_report" else made  # its figures are counts of predictions
    if asset not in _OF_EACH:
        return
    chain: dict[str, Rows] = {a: d for a, d in versions_behind(ctx.inputs, ctx.store).items() if a in LINKS}
    if asset == made:
        chain[asset] = Unfinished(ctx.writer)
    stories: list[Story] = []
    for row in _examples(chain[asset], asset):
        if asset == "hard_tasks":  # a verdict has the id of its task, and rests on all of that task's proposals
            behind = (a for a in ("agent_proposals", "tasks") if a in chain)
            up = [row, *(r for a in behind for r in found_by(chain[a], a, "task_id", {row.id}))]
        else:
            up = ancestors(chain, row.id)
        stories.append(_story(chain, row.id, up, []))
    if stories:
        ctx.writer.put(NAME, _render(stories))


def _render(stories: Sequence[Story]) -> bytes:
    return render("trace.html.j2", stories=stories, uncounted=UNCOUNTED, further=_FURTHER)


def _examples(rows: Rows, asset: str) -> list[Row]:
    """The first row of every kind in the first batch, a few of them."""
    kind, columns = _OF_EACH[asset], [LINKS[asset].id, *LINKS[asset].parents, _OF_EACH[asset]]
    first = next(iter(rows.batches(list(dict.fromkeys(columns)))), None)
    found: dict[str, Row] = {}
    for values in first.to_pylist() if first else []:
        found.setdefault(values[kind], as_row(asset, values))
    kinds = sorted(found, key=lambda k: k != _TRAINED)
    return [found[k] for k in kinds[:_EXAMPLES]]


def _story(chain: Chain, wanted: str, up: Sequence[Row], down: Sequence[Row]) -> Story:
    nearest = up if len(up) <= _SHOWN else [*up[: _SHOWN - 1], up[-1]]
    shown = [*nearest, *down[:_SHOWN]]
    ids: dict[str, set[str]] = {}
    for row in shown:
        ids.setdefault(row.asset, set()).add(row.id)
    whole = {(asset, row[LINKS[asset].id]): row for asset in ids for row in _whole(chain[asset], asset, ids[asset])}
    steps = [_step(row, whole[row.asset, row.id]) for row in shown]
    above, below = steps[: len(nearest)], steps[len(nearest) :]
    return Story(wanted, up[0].asset, above, below, len(up) - 1, len(down), cells([*up, *down]))


def _whole(rows: Rows, asset: str, ids: set[str]) -> Iterator[dict[str, Any]]:
    """The rows with these ids, all columns; reads no further than the last of them."""
    missing = pa.array(sorted(ids), pa.string())
    for batch in rows.batches():
        hits = batch.filter(pc.is_in(batch.column(LINKS[asset].id), value_set=missing))
        yield from hits.to_pylist()
        missing = missing.filter(pc.invert(pc.is_in(missing, value_set=hits.column(LINKS[asset].id))))
        if not len(missing):
            return


def _step(row: Row, values: Mapping[str, Any]) -> Step:
    texts = [(name, _cut(str(values[name]))) for name in _TEXTS if values.get(name)]
    if choices := values.get("choices"):
        texts.append(("choices", _cut("\n".join(map(str, choices)))))
    hidden = {*_TEXTS, "choices", "completion_segments", LINKS[row.asset].id, *VOLATILE}
    facts = [(n, _fact(v)) for n, v in values.items() if n not in hidden and v is not None and v != []]
    return Step(row.asset, row.id, facts, texts)


def _fact(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        some = list(islice(value, 4))
        return ", ".join(map(str, some)) + (", …" if len(some) < len(list(value)) else "")
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"

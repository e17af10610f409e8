"""Filter and majority vote over 10 million proposal rows: seconds against reading their columns, and resident memory.

    python -m bench.streaming [--rows 10000000]

The rows (three agents, 4,002 proposals per task) are written once, in parts of 16 tasks, and go through the same
functions as in a run: the sums and verdicts of `filtering`, and `read_cube` with `MajorityVote` over all proposals of a
task. Each side works in a process of its own, for its memory, twice; the faster turn counts.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bench.common import Row, elsewhere, in_turns, parser, peak_rss, publish
from mlpo_core.store import Dataset, Origin, Store
from mlpo_core.store.schemas import SCHEMAS

_AGENTS = ("alpha", "beta", "gamma")
_SAMPLES = 1334
_PER_TASK = _SAMPLES * len(_AGENTS)
_PART_TASKS = 16
"""As many rows as a batch and as a shard of the predictions hold."""
_ASSET = "benchmark_proposals"


def write(root: str, tasks: int) -> None:
    """A version of proposals: every agent's samples of a task together, five answers of which the first is right."""
    schema, rng = SCHEMAS[_ASSET], np.random.default_rng(0)
    writer = Store(root).writer(_ASSET, "rows")
    for part, first in enumerate(range(0, tasks, _PART_TASKS)):
        rows = (min(first + _PART_TASKS, tasks) - first) * _PER_TASK
        position = np.arange(rows)
        answer = rng.integers(0, 5, rows)
        fixed = {"benchmark": "bbh", "split": "train", "finish_reason": "stop", "model": "m", "revision": "r"}
        columns: dict[str, Any] = {
            "proposal_id": _named("proposal-0123456789-", first * _PER_TASK + position),
            "task_id": _named("task-0123456789-", first + position // _PER_TASK),
            "agent": pa.array(_AGENTS).take(pa.array(position % _PER_TASK // _SAMPLES)),
            "sample_index": position % _SAMPLES,
            "response": _named("It follows from the two premises that the answer is ", answer),
            "extracted": _named("", answer),
            "correct": answer == 0,
        }
        arrays = [
            pa.array(columns[f.name]).cast(f.type)
            if f.name in columns
            else pa.repeat(pa.scalar(fixed.get(f.name, 1), f.type), rows)
            for f in schema
        ]
        writer.write(part, pa.Table.from_arrays(arrays, schema=schema))
    writer.commit(Origin({}, {}, {}, {}), {})


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")


def measure(side: str, root: str, tasks: int) -> dict[str, float]:
    """Seconds of the filter and of the vote, or of reading their columns; and the peak memory of this process."""
    from mlpo_core.methods import evidence
    from mlpo_core.proposals import filtering

    ref = Store(root).find(_ASSET, "rows")
    assert ref is not None
    dataset = Dataset(ref)
    assert dataset.manifest.rows == tasks * _PER_TASK
    filter_columns = [*filtering.KEYS, "correct", "finish_reason"]
    calls = {
        "read": (lambda: _read(dataset, filter_columns), lambda: _read(dataset, list(evidence.COLUMNS))),
        "ours": (lambda: _filter(dataset), lambda: _vote(dataset, tasks)),
    }[side]
    found: dict[str, float] = {}
    for part, call in zip(("filter", "vote"), calls, strict=True):
        best = in_turns({part: call}, 2)[part]  # twice: first use imports and compiles
        found[part], found[f"{part}_cpu"] = best
    return {**found, "peak": peak_rss()}


def _read(dataset: Dataset, columns: list[str]) -> None:
    import pyarrow.parquet as pq

    for part in dataset.manifest.parts:
        with pq.ParquetFile(f"{dataset.ref.url.removeprefix('file://')}/{part.name}") as file:
            for _ in file.iter_batches(65536, columns=columns):
                pass


def _filter(dataset: Dataset) -> None:
    from mlpo_core.experiment import Filter
    from mlpo_core.proposals import filtering

    assert filtering.judge(filtering.totals(dataset), Filter()).num_rows


def _vote(dataset: Dataset, tasks: int) -> None:
    from mlpo_core.methods.evidence import Shard, read_cube
    from mlpo_core.methods.majority_vote import MajorityVote
    from mlpo_core.methods.protocol import Seed
    from mlpo_core.store.ahead import in_order
    from mlpo_core.tasks.index import TaskIndex, shards

    index, vote = TaskIndex(dataset), MajorityVote(_PER_TASK)
    work = shards(list(_tasks(tasks)), 65536 // _PER_TASK)

    def read(chosen: Sequence[Any]) -> Shard:
        return Shard(chosen, _AGENTS, read_cube(index, chosen, _AGENTS, _SAMPLES), {})

    for shard in in_order(read, work, at_once=2):
        assert len(list(vote._predict(shard, Seed(0, 0)))) == len(shard.tasks)


def _tasks(count: int) -> Iterator[Any]:
    from mlpo_core.types import Task

    for number in range(count):
        yield Task(f"task-0123456789-{number}", "bbh", "", "test", "", (), "0", "exact")


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int)
    chosen = options.parse_args()
    if chosen.child:
        side, root, tasks = chosen.child
        print(json.dumps(measure(side, root, int(tasks))))
        return
    rows = chosen.rows or (50_000_000 if chosen.long else 10_000_000)
    found: dict[int, dict[str, dict[str, float]]] = {}
    for tasks in (max(1, rows // 10 // _PER_TASK), max(1, rows // _PER_TASK)):
        with tempfile.TemporaryDirectory() as root:
            write(root, tasks)
            found[tasks * _PER_TASK] = {
                side: elsewhere("streaming", side, root, tasks, threads=chosen.threads) for side in ("read", "ours")
            }
    (small, _), (large, most) = found.items()
    reading, ours = most["read"], most["ours"]
    ratio = (ours["filter"] + ours["vote"]) / (reading["filter"] + reading["vote"])
    what = f"filter and majority vote over {large:,} proposals"
    note = "; ".join(
        f"{part} {ours[part]:.1f} s, reading {reading[part]:.1f} s ({ours[part] / reading[part]:.1f}×, CPU time "
        f"{ours[f'{part}_cpu'] / reading[f'{part}_cpu']:.1f}×)"
        for part in ("filter", "vote")
    )
    mib = {count: sides["ours"]["peak"] / 2**20 for count, sides in found.items()}
    peaks = f"{mib[small]:.0f} MiB at {small:,}, {mib[large]:.0f} MiB at {large:,}"
    table = [
        Row(what, "reading the same columns with pyarrow", ratio, 3.0, at_most=True, note=note),
        Row(f"{what}: resident memory", "", mib[large] / 1024, 1.0, " GiB", at_most=True, note=peaks),
        Row(
            *(f"{what}: growth of memory from a tenth", "", mib[large] / mib[small], 1.15),
            at_most=True,
            note=peaks,
        ),
    ]
    setting = f"{chosen.threads} threads, {_PER_TASK:,} proposals per task, batches of 65,536 rows, zstd"
    publish("streaming", setting, table, {str(count): sides for count, sides in found.items()})


if __name__ == "__main__":
    main()

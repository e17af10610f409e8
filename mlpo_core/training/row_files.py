"""Training rows on disk: written once as Arrow, memory-mapped by the trainer, in the order of the whole run.

The order of every epoch is drawn before training and the trainer walks it front to back, so the position in the data
is the step count alone and a resumed run sees the same rows.
"""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

_BATCH = 1024


def write_rows(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> Dataset:
    """Write rows to an Arrow file and open it without reading it into memory.

    Processes that train together write the same rows: each replaces the file whole, and keeps what it has open.
    """
    source = iter(rows)
    beside = path.with_name(f"{path.name}.{os.environ.get('RANK', '0')}")
    with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        while chunk := list(islice(source, _BATCH)):
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    os.replace(beside, path)
    return Dataset.from_file(str(path))


def run_order(rows: int, per_step: int, steps: int, seed: int) -> list[int]:
    """Row indices of `steps` steps of `per_step` rows each: one permutation after another.

    A step never holds a row twice: what is left of a permutation after its last full step is dropped, unless there are
    fewer rows than a step takes.
    """
    order: list[int] = []
    while len(order) < steps * per_step:
        epoch = len(order)
        permutation = np.random.default_rng([seed, epoch]).permutation(rows)
        full = len(permutation) // per_step * per_step
        order.extend(permutation[: full or None].tolist())
    return order[: steps * per_step]

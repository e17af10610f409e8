"""One figure of the report, as it stands in `metrics.parquet`: tables and plots show these and nothing else."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

from mlpo_core.benchmark.statistics import Interval
from mlpo_core.store.schemas import SCHEMAS

ALL = "all"
"""The benchmark column of a figure over all test tasks."""


class Metric(NamedTuple):
    """A figure; the fields are the columns of `benchmark_report` (see `mlpo_core.store.schemas`)."""

    table: str
    benchmark: str
    method: str
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    group: str = ""
    versus: str = ""
    note: str = ""
    seconds: float | None = None

    @property
    def interval(self) -> Interval | None:
        """The interval, where there is one."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)


def as_table(metrics: Iterable[Metric]) -> pa.Table:
    """The rows of `benchmark_report`.

    Raises:
        ValueError: A figure is not finite: a missing one is null and its note says why.
    """
    rows = [m._asdict() for m in metrics]
    for row in rows:
        for name in ("value", "low", "high", "seconds"):
            if row[name] is not None and not math.isfinite(row[name]):
                raise ValueError(f"{name} of {row['metric']} of {row['method']} in {row['table']} is {row[name]}")
    return pa.Table.from_pylist(rows, schema=SCHEMAS["benchmark_report"])


def from_table(table: pa.Table) -> list[Metric]:
    """What `as_table` was given."""
    return [Metric(**row) for row in table.select(list(Metric._fields)).to_pylist()]

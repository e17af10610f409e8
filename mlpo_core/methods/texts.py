"""A column of texts by task, agent and sample that stays in Arrow until it is asked for."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa


class Texts:
    """Texts in the shape (tasks, agents, samples).

    Args:
        column: The texts, in any order. Nulls are texts that are not there.
        rows: Where in `column` each text is, shape (tasks, agents, samples).
    """

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray) -> None:
        self._column = column
        self._rows = rows

    def __getitem__(self, cell: tuple[int, int, int]) -> Any:
        """The text of one cell, or None."""
        return self._column[int(self._rows[cell])].as_py()

    def several(self, cells: Any) -> list[Any]:
        """The texts at some cells, by any index of numpy's that gives one dimension. Keeps all: for short texts."""
        return self._strings[self._rows[cells]].tolist()

    def measured(self, measure: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> np.ndarray:
        """What a function of Arrow says of every text, in the shape of the cells."""
        return measure(self._column).to_numpy()[self._rows]

    @cached_property
    def _strings(self) -> np.ndarray:
        return self._column.to_numpy()

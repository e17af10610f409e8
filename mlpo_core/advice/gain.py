"""How much better one way of answering is than another on the same dev tasks."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlpo_core.benchmark.paired import paired_bootstrap
from mlpo_core.types import stable_seed

Right = npt.NDArray[np.bool_]
"""Whether answers are right, of shape (draws, tasks). A draw is an evaluation seed: another sample of every agent,
where there is one, and other coins for ties."""


class Gain(NamedTuple):
    """A difference in accuracy with its 95 % interval, from -1 to 1."""

    mean: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether it is above zero beyond doubt."""
        return self.low > 0

    def __str__(self) -> str:
        return f"{100 * self.mean:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f})"


def gain(first: Right, second: Right) -> Gain:
    """What the first way gains over the second: a paired bootstrap over tasks and draws.

    Args:
        first: On some tasks.
        second: On the same tasks; draws that only one of the two has are left out.
    """
    draws = min(len(first), len(second))
    found = paired_bootstrap(first[:draws], second[:draws], stable_seed("advise"))
    return Gain(found.difference, *found.interval)

"""What is launched, and in how many processes."""

import os
from collections.abc import Callable
from typing import NamedTuple

from mlpo_core.errors import BadInput

PROCESSES = "MLPO_PROCESSES"
"""How many processes train together: a matter of the machine, so not of the experiment. By default one per GPU."""


class Phase(NamedTuple):
    """A phase that several processes make together.

    Attributes:
        asset: What it makes, for messages.
        spec: `mlpo_core.chain.spec.Spec` as JSON.
        run: Makes it from that JSON, in every process; importable by name.
    """

    asset: str
    spec: str
    run: Callable[[str], object]


def wanted_processes(otherwise: int) -> int:
    """How many processes train: `$MLPO_PROCESSES`, or `otherwise`."""
    given = os.environ.get(PROCESSES, "")
    if not given:
        return otherwise
    if not given.isdigit() or int(given) < 1:
        raise BadInput(f"{PROCESSES}={given}: expected the number of training processes, 1 or more")
    return int(given)

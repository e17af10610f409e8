"""Whether this process is one of several that a launcher (torchrun, accelerate, Ray Train) started together."""

import os

from mlpo_core.errors import BadInput

_TOLD = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher sets; half of it, left over in somebody's environment, is no group."""


def rank() -> int | None:
    """This process's number in its group, 0 for the one that finishes what all make; None if it works alone.

    Raises:
        BadInput: The environment speaks of a group that no launcher started.
    """
    told = {name: value for name in _TOLD if (value := os.environ.get(name, "").strip())}
    if "RANK" not in told and told.get("WORLD_SIZE", "1") == "1":
        return None
    for name in _TOLD:
        if name not in told:
            raise BadInput(
                f"{' and '.join(n for n in ('RANK', 'WORLD_SIZE') if n in told)} is set, but {name} is not, so no "
                "launcher started this: unset it, or start this with torchrun"
            )
    given = [told[name] for name in ("RANK", "WORLD_SIZE")]
    if not all(number.isdecimal() for number in given) or not int(given[0]) < int(given[1]):
        raise BadInput(f"RANK={given[0]} and WORLD_SIZE={given[1]} cannot be: unset both, or start this with torchrun")
    return int(given[0])


def process_count() -> int:
    """Processes of the group that a launcher started, 1 without one; known before they have found each other."""
    return int(os.environ.get("WORLD_SIZE", "1"))

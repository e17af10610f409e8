"""Which of the edges between stages the graph draws, and what else a data version says so that nothing seems current.

A stage reads up to ten others, most of which follow from one another: drawn, they hide the chain. Left out is an edge
to what is upstream of another input anyway. What is out of date must still show: an asset between carries the versions
that somebody downstream reads past it, in its own data version.
"""

import hashlib
from collections.abc import Mapping
from functools import cache

from mlpo_core.chain.stages import STAGES


@cache
def ancestors(asset: str) -> frozenset[str]:
    """Everything that an asset is made from."""
    direct = STAGES[asset].inputs
    return frozenset(direct).union(*(ancestors(upstream) for upstream in direct))


@cache
def drawn(asset: str) -> tuple[str, ...]:
    """The inputs that the graph shows: those that are not upstream of another input."""
    inputs = STAGES[asset].inputs
    return tuple(upstream for upstream in inputs if not any(upstream in ancestors(other) for other in inputs))


@cache
def carried(asset: str) -> tuple[str, ...]:
    """What is upstream of an asset, and read past it: by a stage downstream, whose edge to it is not drawn."""
    return tuple(
        upstream
        for upstream in STAGES
        if upstream in ancestors(asset)
        and any(
            asset in ancestors(reader) and upstream in STAGES[reader].inputs and upstream not in drawn(reader)
            for reader in STAGES
        )
    )


def data_version(asset: str, digest: str, digests: Mapping[str, str | None]) -> str:
    """The data version of an asset: its digest, and a hash of those that it carries.

    Args:
        asset: Whose.
        digest: Of its rows; or a word, where it is not part of the experiment.
        digests: Of the experiment's other assets; None or absent where there is none.
    """
    if not carried(asset):
        return digest
    behind = "\n".join(f"{name} {digests.get(name)}" for name in carried(asset))
    return f"{digest}.{hashlib.sha256(behind.encode()).hexdigest()[:8]}"

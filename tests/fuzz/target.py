"""What a fuzz target is, and how its inputs come about: seeds that are valid, and what is done to them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from mlpo_core.errors import BadInput, Transient

REFUSED = (BadInput, Transient)
"""What a parser may answer to any bytes: everything else that is raised is a defect."""
_BYTES = bytes(range(256))


class Target(NamedTuple):
    """A parser under attack.

    Attributes:
        inputs: Bytes to parse.
        check: Parses them. Raises what is no refusal of ours, or an AssertionError for a value that is not valid.
    """

    inputs: st.SearchStrategy[bytes]
    check: Callable[[bytes], None]


Prepare = Callable[[Path], Target]
"""Makes a target that works in a folder of its own."""


def mutated(seeds: Sequence[bytes], pieces: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Seeds with some pieces deleted, doubled, exchanged or put in; and bytes that no seed had.

    Args:
        seeds: Valid inputs.
        pieces: What the format is made of, and what breaks it.
    """
    parts = st.one_of(st.sampled_from(list(pieces)), st.binary(max_size=8))
    change = st.tuples(st.sampled_from("idrx"), st.integers(0, 2**20), st.integers(0, 40), parts)
    whole = st.builds(_changed, st.sampled_from(list(seeds)), st.lists(change, max_size=6))
    return st.one_of(whole, whole, st.lists(parts, max_size=30).map(b"".join), st.binary(max_size=200))


def _changed(seed: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    data = bytearray(seed)
    for kind, place, length, piece in changes:
        at = place % (len(data) + 1)
        if kind == "i":
            data[at:at] = piece
        elif kind == "d":
            del data[at : at + length]
        elif kind == "r":
            data[at:at] = data[at : at + length] * (1 + place % 50)
        else:
            data[at : at + len(piece)] = piece
    return bytes(data)

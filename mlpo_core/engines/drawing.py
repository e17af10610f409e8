"""Draws tokens from one stream of uniform numbers per row (Philox, keyed by the row's seed).

A token is where the distribution function passes the row's next number, so what a row draws depends on its seed, the
number of tokens before and its logits: not on its batch, on what was recomputed, or on the engine.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

_BLOCK = 64
_LARGE = 16_384
"""Tokens from which a vocabulary is searched by blocks: summing those is a fiftieth of a sum up to every token."""


def uniforms(seeds: Sequence[int], count: int) -> Tensor:
    """The first `count` numbers of every seed's stream, in [0, 1), shape (rows, count), float64."""
    rows = [np.random.Generator(np.random.Philox(key=seed)).random(count) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


def pick(logits: Tensor, temperature: float | Tensor, top_p: float | Tensor, uniform: Tensor) -> Tensor:
    """One token a row.

    Args:
        logits: Shape (rows, vocabulary).
        temperature: Above 0; one for all rows, or shape (rows, 1).
        top_p: Nucleus mass; one for all rows, or shape (rows, 1).
        uniform: Each row's number, shape (rows,).
    """
    mass = torch.softmax(logits / temperature, -1)
    if isinstance(top_p, float) and top_p >= 1:
        return _invert(mass, uniform)
    mass, order = torch.sort(mass, dim=-1, descending=True, stable=True)
    before = mass.cumsum(-1, dtype=torch.float64) - mass
    choice = _invert(mass.masked_fill(before >= top_p, 0), uniform)
    return order.gather(1, choice[:, None]).squeeze(1)


def _invert(mass: Tensor, share: Tensor) -> Tensor:
    """The token at which the sum of a row's mass passes this share of all of it, shape (rows,)."""
    if mass.shape[1] < _LARGE:
        return _passed(mass, share)[0]
    blocks = pad(mass, (0, -mass.shape[1] % _BLOCK)).unflatten(1, (-1, _BLOCK))
    block, within = _passed(blocks.sum(-1), share)
    return block * _BLOCK + _passed(blocks[torch.arange(len(mass), device=mass.device), block], within)[0]


def _passed(mass: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Where a row's sum passes a share of its total, never where nothing is; and the share of what is there."""
    reached = mass.cumsum(-1, dtype=torch.float64)
    wanted = share[:, None] * reached[:, -1:]
    place = torch.searchsorted(reached, wanted, right=True).clamp(max=mass.shape[1] - 1)
    there = mass.gather(1, place).double()
    rest = 1 - (reached.gather(1, place) - wanted) / there
    return place.squeeze(1), rest.squeeze(1).clamp(0, 1 - 1e-12)

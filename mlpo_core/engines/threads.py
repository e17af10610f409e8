"""How many CPU threads a model is worth."""

from typing import Any

import torch

MINIATURE = 2_000_000
"""Parameters below which a model gets one thread."""


def fit_threads(model: Any) -> None:
    """Give a miniature model one thread: its operations are too short to share.

    Two threads that wait for each other made an SFT step of 0.2 million parameters about ten times slower while other
    processes were busy (3.6 s against 0.4 s). One thread also sums in the same order on every machine.
    """
    if sum(p.numel() for p in model.parameters()) < MINIATURE:
        torch.set_num_threads(1)

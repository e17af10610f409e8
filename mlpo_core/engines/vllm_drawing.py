"""Sampling inside vLLM's process, by the row's own stream (`drawing`) instead of vLLM's generator per request.

vLLM fills noise for every token of the vocabulary, request by request, when requests have seeds (and on a CPU once more
for all). Here one number a row decides, for all rows at once; vLLM then picks the token that is left, greedily. What a
discarded step drew (a prefill in pieces, a preempted request) is drawn again alike.

This is the processor of vLLM's first model runner, which a CPU gets; `vllm_device_drawing` has that of the second.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from mlpo_core.engines.drawing import pick, uniforms
from mlpo_core.engines.vllm_requests import drawn


class _Row(NamedTuple):
    stream: Tensor
    written: Sequence[int]
    temperature: float
    top_p: float


class Drawing(LogitsProcessor):
    """Raises the logit of the token that a row has drawn above all others. vLLM makes and calls it."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._device = device
        self._rows: dict[int, _Row] = {}

    def is_argmax_invariant(self) -> bool:
        """Of course not."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Follow requests that come, go and change places."""
        process_dict_updates(self._rows, batch_update, _row)

    def apply(self, logits: Tensor) -> Tensor:
        """Shape (rows, vocabulary), changed in place."""
        if not self._rows:
            return logits
        places = sorted(self._rows)
        rows = [self._rows[place] for place in places]
        tokens = pick(
            logits if len(places) == len(logits) else logits[places],
            self._column([row.temperature for row in rows], logits.dtype),
            self._column([row.top_p for row in rows], torch.float64),
            torch.stack([row.stream[len(row.written)] for row in rows]).to(self._device),
        )
        logits[torch.tensor(places, device=self._device), tokens] = torch.inf
        return logits

    def _column(self, values: list[float], dtype: torch.dtype) -> float | Tensor:
        return values[0] if len(set(values)) == 1 else torch.tensor(values, dtype=dtype, device=self._device)[:, None]


def _row(params: SamplingParams, prompt: Any, written: list[int]) -> _Row | None:
    if (asked := drawn(params)) is None:
        return None
    return _Row(uniforms([asked.seed], asked.length)[0], written, asked.temperature, asked.top_p)

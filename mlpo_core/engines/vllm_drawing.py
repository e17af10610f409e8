"""Sampling inside vLLM's process, by the row's own stream (`drawing`) instead of vLLM's generator per request.

vLLM fills noise for every token of the vocabulary, request by request, when requests have seeds (and on a CPU once more
for all). Here one number a row decides, for all rows at once; vLLM then picks the token that is left, greedily. What a
discarded step drew (a prefill in pieces, a preempted request) is drawn again alike.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from mlpo_core.engines.drawing import pick, uniforms
from mlpo_core.engines.protocol import Sampling

_KEY = "mlpo"


class _Row(NamedTuple):
    stream: Tensor
    written: Sequence[int]
    temperature: float
    top_p: float


def parameters(sampling: Sampling, seed: int) -> dict[str, Any]:
    """The keywords of `SamplingParams` with which a request is sampled by an engine that has `Drawing`."""
    if sampling.temperature == 0:
        return {"temperature": 0.0}
    drawn = {"seed": seed, "temperature": sampling.temperature, "top_p": sampling.top_p}
    return {"temperature": 0.0, "extra_args": {_KEY: drawn}}


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
        drawn = pick(
            logits if len(places) == len(logits) else logits[places],
            self._column([row.temperature for row in rows]),
            self._column([row.top_p for row in rows]),
            torch.stack([row.stream[len(row.written)] for row in rows]).to(self._device),
        )
        logits[torch.tensor(places, device=self._device), drawn] = torch.inf
        return logits

    def _column(self, values: list[float]) -> float | Tensor:
        return values[0] if len(set(values)) == 1 else torch.tensor(values, device=self._device)[:, None]


def _row(params: SamplingParams, prompt: Any, written: list[int]) -> _Row | None:
    drawn = (params.extra_args or {}).get(_KEY)
    if drawn is None:
        return None
    stream = uniforms([drawn["seed"]], params.max_tokens or 1)[0]
    return _Row(stream, written, drawn["temperature"], drawn["top_p"])

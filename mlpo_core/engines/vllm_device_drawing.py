"""`vllm_drawing` for vLLM's second model runner, which runs wherever Triton does: on CUDA.

That runner samples a step before the tokens of the one before have reached the host, so nothing may be read back:
streams, and where each begins, lie on the device by request slot, and a row's place in its stream is its position.
"""

from typing import Any

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcessor, LogitsProcRequestState

from mlpo_core.engines.drawing import pick, uniforms
from mlpo_core.engines.vllm_requests import Drawn, drawn


class DeviceDrawing(LogitsProcessor):
    """Raises the logit of the token that a row has drawn above all others. vLLM makes and calls it.

    A slot that holds a request of vLLM's own is left as it is.
    """

    def __init__(self, vllm_config: Any, req_states: LogitsProcRequestState) -> None:
        slots, self._device = req_states.max_num_reqs, req_states.device
        self._prompt_length: Any = req_states.prompt_len.np
        self._asked: list[Drawn | None] = [None] * slots
        self._staged: set[int] = set()
        self._streams = torch.zeros((slots, 1), dtype=torch.float64, device=self._device)
        self._begins = torch.zeros(slots, dtype=torch.long, device=self._device)
        self._ours = torch.zeros(slots, dtype=torch.bool, device=self._device)
        self._temperature = torch.ones((slots, 1), device=self._device)
        self._top_p = torch.ones((slots, 1), dtype=torch.float64, device=self._device)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Take a slot over for a request; says whether its logits are changed here."""
        self._asked[req_idx] = drawn(sampling_params)
        self._staged.add(req_idx)
        return self._asked[req_idx] is not None

    def apply_staged_writes(self) -> None:
        """Bring what new requests ask for to the device, once a step."""
        if not self._staged:
            return
        slots = sorted(self._staged)
        self._staged.clear()
        asked = [self._asked[slot] or Drawn(0, 1.0, 1.0, 1) for slot in slots]
        width = max(a.length for a in asked)
        if width > self._streams.shape[1]:
            wider = self._streams.new_zeros((len(self._streams), width))
            wider[:, : self._streams.shape[1]] = self._streams
            self._streams = wider
        index = torch.tensor(slots, device=self._device)
        self._streams[index, :width] = uniforms([a.seed for a in asked], width).to(self._device)
        self._begins[index] = torch.tensor(self._prompt_length[slots], dtype=torch.long, device=self._device)
        self._ours[index] = torch.tensor([self._asked[slot] is not None for slot in slots], device=self._device)
        self._temperature[index, 0] = torch.tensor([a.temperature for a in asked], device=self._device)
        self._top_p[index, 0] = torch.tensor([a.top_p for a in asked], dtype=torch.float64, device=self._device)

    def apply(self, logits: Tensor, ctx: LogitsContext) -> Tensor:
        """Shape (rows, vocabulary), float32, changed in place."""
        asked = [a for slot in ctx.idx_mapping_np.tolist() if (a := self._asked[slot])]
        if not asked:
            return logits
        slots = ctx.expanded_idx_mapping.long()
        # negative while a prompt is read in pieces: what is drawn then is thrown away
        place = (ctx.pos + 1 - self._begins[slots]).clamp(0, self._streams.shape[1] - 1)
        tokens = pick(
            logits,
            _only({a.temperature for a in asked}, self._temperature, slots),
            _only({a.top_p for a in asked}, self._top_p, slots),
            self._streams[slots, place],
        )[:, None]
        raised = logits.gather(1, tokens).masked_fill(self._ours[slots, None], torch.inf)
        return logits.scatter_(1, tokens, raised)


def _only(values: set[float], by_slot: Tensor, slots: Tensor) -> float | Tensor:
    """The one value that all rows have, or each row's own."""
    return next(iter(values)) if len(values) == 1 else by_slot[slots]

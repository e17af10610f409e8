"""Decodes one batch with a transformers model: shared prefill, per-row seeds, finished rows leave.

Every row draws its tokens from its own stream (`drawing`), so that what it writes does not depend on its neighbours
beyond the rounding of the model's own arithmetic.
"""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from mlpo_core.engines.batching import Batch
from mlpo_core.engines.drawing import pick, uniforms
from mlpo_core.engines.protocol import Sampling


class Watch(Protocol):
    """Follows a batch while it is written. Rows are named by their place in it."""

    reads: bool
    """Whether anybody wants the tokens before the rows have ended."""

    def wrote(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """The rows that are being written, and the token that each has just got."""
        ...

    def left(self) -> Collection[int]:
        """Rows that nobody waits for any more."""
        ...


_LEAVE_SHARE = 0.25
"""Share of finished rows at which the rest is moved together: copies then cost at most a few times the cache."""


class _Slots(DynamicLayer):
    """One layer's keys and values in a buffer with room to grow: appending a token copies that token only.

    Sliding-window layers are kept whole too; the model's mask hides what is out of the window.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._length = 0
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        start, self._length = self._length, self._length + key_states.shape[-2]
        if self._buffers is None:
            # Prefill: the few distinct prompts need no room, `select` makes it when it spreads them over the rows.
            self._buffers = key_states, value_states
            return self._buffers
        keys, values = self._buffers
        keys[:, :, start : self._length] = key_states
        values[:, :, start : self._length] = value_states
        return keys[:, :, : self._length], values[:, :, : self._length]

    def get_seq_length(self) -> int:
        return self._length

    def select(self, rows: Tensor) -> None:
        """Keep `rows`, which may repeat."""
        assert self._buffers is not None  # noqa: S101 - narrows a type
        self._buffers = self._spread(self._buffers[0], rows), self._spread(self._buffers[1], rows)

    def _spread(self, old: Tensor, rows: Tensor) -> Tensor:
        new = old.new_empty((len(rows), old.shape[1], self._capacity, old.shape[3]))
        new[:, :, : self._length] = old[:, :, : self._length].index_select(0, rows)
        return new


@torch.inference_mode()
def decode(
    model: Any,
    batch: Batch,
    seeds: list[int],
    sampling: Sampling,
    stop: Collection[int],
    watch: Watch | None = None,
) -> list[list[int]]:
    """Token ids that each row of `batch` adds, its stop token included.

    Args:
        model: A causal language model in evaluation mode.
        batch: What to run.
        seeds: Seed of each row.
        sampling: Temperature, nucleus mass and length limit.
        stop: Token ids that end a row.
        watch: Who follows what is written, if anybody does.
    """
    device = model.device
    width, limit = len(batch.prompts[0]), sampling.max_new_tokens
    ids, mask = _left_padded(batch.prompts, width, limit, device)
    layers = [_Slots(width + limit) for _ in range(model.config.get_text_config().num_hidden_layers)]
    cache = Cache(layers=[*layers])
    ragged = len(batch.prompts[-1]) < width
    positions = (mask[:, :width].cumsum(-1) - 1).clamp(min=0)
    logits = _forward(model, cache, ids, mask[:, :width] if ragged else None, positions)

    alive = torch.tensor(batch.sources, device=device)
    logits, mask, positions = logits[alive], mask[alive], positions[alive, -1:]
    for layer in layers:
        layer.select(alive)
    streams = uniforms(seeds, limit).to(device) if sampling.temperature > 0 else None
    stops = torch.tensor(sorted(stop), device=device)
    written = torch.full((len(seeds), limit), -1, dtype=torch.long, device=device)
    alive = torch.arange(len(seeds), device=device)
    ended = torch.zeros(len(seeds), dtype=torch.bool, device=device)
    for step in range(limit):
        if streams is None:
            tokens = logits.argmax(-1)
        else:
            tokens = pick(logits, sampling.temperature, sampling.top_p, streams[alive, step])
        written[alive, step] = torch.where(ended, -1, tokens)
        if watch:
            ended = ended | _given_up(watch, alive, tokens, ended)
        ended = ended | torch.isin(tokens, stops)
        finished = int(ended.sum())
        if finished == len(alive) or step + 1 == limit:
            break
        if finished >= _LEAVE_SHARE * len(alive):
            kept = (~ended).nonzero().squeeze(1)
            alive, tokens, mask, positions, ended = (t[kept] for t in (alive, tokens, mask, positions, ended))
            for layer in layers:
                layer.select(kept)
        positions = positions + 1
        logits = _forward(model, cache, tokens[:, None], mask[:, : width + step + 1] if ragged else None, positions)
    return [[token for token in row if token >= 0] for row in written.tolist()]


def _given_up(watch: Watch, alive: Tensor, tokens: Tensor, ended: Tensor) -> Tensor:
    """Which of the rows nobody waits for any more, shape (rows,)."""
    if watch.reads:
        running = ~ended
        watch.wrote(alive[running].tolist(), tokens[running].tolist())
    if not (rows := watch.left()):
        return torch.zeros_like(ended)
    return torch.isin(alive, torch.tensor(sorted(rows), dtype=torch.long, device=alive.device))


def _forward(model: Any, cache: Cache, ids: Tensor, mask: Tensor | None, positions: Tensor) -> Tensor:
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1].float()


def _left_padded(prompts: list[list[int]], width: int, room: int, device: Any) -> tuple[Tensor, Tensor]:
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.ones(len(prompts), width + room, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, : width - len(prompt)] = 0
    return ids.to(device), mask.to(device)

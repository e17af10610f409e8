"""Attention in which the completions of a group share one copy of their prompt.

A group is one row: its prompt, then its completions one after another. A completion's token sees the prompt and its own
completion. The prompt's keys and values are never copied: on a CPU each part of the softmax runs through torch's flash
kernel and the parts are joined by their log-sum-exp; the same kernel's backward, given the joined output and
log-sum-exp, returns each part's exact gradient (as ring attention does). Sliding windows, soft-capping and other
devices take one softmax over the prompt's keys repeated for every completion.

Registered with transformers under `NAMES`; without a `prefix_layout` the functions are what they stand for.
"""

import sys
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAMES = {"sdpa": "prefix_shared_sdpa", "eager": "prefix_shared_eager"}
"""By the attention implementation that a model had."""


class PrefixLayout(NamedTuple):
    """How a row is made up: `prompt` tokens (right-padded), then `group` completions of `completion` tokens."""

    prompt: int
    group: int
    completion: int
    lengths: Tensor | None
    """Tokens of each row's prompt, shape (rows,); None when every prompt fills its width."""


class Heads(NamedTuple):
    """Queries, keys and values of some tokens."""

    query: Tensor
    key: Tensor
    value: Tensor


def register() -> None:
    """Make the functions known to transformers. Doing it again changes nothing."""
    for original, name in NAMES.items():
        AttentionInterface.register(name, _forward)
        AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[original])


def _forward(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    prefix_layout: PrefixLayout | None = None,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attention as transformers calls it: query (rows, heads, tokens, size) to output (rows, tokens, heads, size)."""
    if prefix_layout is None:
        return _plain(module)(module, query, key, value, attention_mask, **options)
    scale = options.get("scaling") or query.shape[-1] ** -0.5
    window, softcap = options.get("sliding_window"), options.get("softcap")
    if module.config._attn_implementation == NAMES["sdpa"]:
        softcap = None  # as transformers' own sdpa does, which cannot
    layout = prefix_layout
    if window is not None and window >= layout.prompt + layout.completion:
        window = None
    prompt = Heads(*(part[:, :, : layout.prompt] for part in (query, key, value)))
    rest = (part[:, :, layout.prompt :] for part in (query, key, value))
    own = Heads(*(part.unflatten(2, (layout.group, layout.completion)) for part in rest))
    if _joins(query.device) and window is None and softcap is None:
        first = _softmax(prompt, None, scale, None)
        shared: Any = _SharedPrefix.apply(*own, prompt.key, prompt.value, layout.lengths, scale)
        second = shared.flatten(2, 3)
    else:
        causal = _causal(layout.prompt, window, query.device)
        first = _softmax(prompt, None if window is None and softcap is None else causal, scale, softcap)
        second = _joined(own, prompt, layout, window, scale, softcap)
    return torch.cat([first, second], dim=2).transpose(1, 2), None


def _joins(device: torch.device) -> bool:
    """Whether parts of a softmax are joined here by the flash kernel's log-sum-exp."""
    return device.type == "cpu"


def _plain(module: Any) -> Any:
    if module.config._attn_implementation == NAMES["eager"]:
        return sys.modules[type(module).__module__].eager_attention_forward
    return ALL_ATTENTION_FUNCTIONS["sdpa"]


class _SharedPrefix(torch.autograd.Function):
    """Completions over the prompt's keys, which they share, and their own, causally."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        prompt_key: Tensor,
        prompt_value: Tensor,
        lengths: Tensor | None,
        scale: float,
    ) -> Tensor:
        query = query.contiguous()
        mask = _padding(prompt_key, query.shape, lengths)
        flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        over_prompt, prompt_sum = flash(_fold(query, prompt_key), prompt_key, prompt_value, attn_mask=mask, scale=scale)
        rows = _per_completion(query), _repeated(key, query), _repeated(value, query)
        over_own, own_sum = flash(*rows, is_causal=True, scale=scale)
        over_prompt, prompt_sum = over_prompt.reshape(query.shape), prompt_sum.reshape(query.shape[:-1])
        over_own, own_sum = _per_row(over_own, query), _per_row(own_sum, query)
        total = torch.logaddexp(prompt_sum, own_sum)
        joined = over_prompt * (prompt_sum - total).exp().unsqueeze(-1) + over_own * (own_sum - total).exp().unsqueeze(
            -1
        )
        joined = joined.to(query.dtype)
        ctx.save_for_backward(query, key, value, prompt_key, prompt_value, joined, total)
        ctx.lengths, ctx.scale = lengths, scale
        return joined

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, prompt_key, prompt_value, joined, total = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        mask = _padding(prompt_key, query.shape, ctx.lengths)
        d_query, d_prompt_key, d_prompt_value = flash(
            *(_fold(gradient, prompt_key), _fold(query, prompt_key), prompt_key, prompt_value),
            *(_fold(joined, prompt_key), _fold(total, prompt_key), 0.0, False),
            attn_mask=mask,
            scale=ctx.scale,
        )
        d_own_query, d_key, d_value = flash(
            *(_per_completion(gradient), _per_completion(query), _repeated(key, query), _repeated(value, query)),
            *(_per_completion(joined), _per_completion(total), 0.0, True),
            scale=ctx.scale,
        )
        d_query = d_query.reshape(query.shape) + _per_row(d_own_query, query)
        return d_query, _summed(d_key, key), _summed(d_value, key), d_prompt_key, d_prompt_value, None, None


def _padding(prompt_key: Tensor, query: torch.Size, lengths: Tensor | None) -> Tensor | None:
    """Additive mask over the prompt's keys, broadcast over heads and queries."""
    if lengths is None:
        return None
    rows, heads, width, _ = prompt_key.shape
    padded = torch.arange(width, device=prompt_key.device) >= lengths[:, None]
    mask = torch.zeros(padded.shape, dtype=prompt_key.dtype, device=prompt_key.device).masked_fill(padded, -torch.inf)
    return mask[:, None, None].expand(rows, heads, query[1] // heads * query[2] * query[3], width)


def _fold(tensor: Tensor, prompt_key: Tensor) -> Tensor:
    """Query heads that share a key head, and all completions, as one axis of queries: the prompt is read once."""
    last = tensor.shape[4:]
    return tensor.reshape(tensor.shape[0], prompt_key.shape[1], -1, *last)


def _per_completion(tensor: Tensor) -> Tensor:
    """(rows, heads, group, completion, …) to (rows × group, heads, completion, …)."""
    return tensor.transpose(1, 2).flatten(0, 1)


def _per_row(tensor: Tensor, query: Tensor) -> Tensor:
    """The inverse of `_per_completion`."""
    return tensor.unflatten(0, (query.shape[0], query.shape[2])).transpose(1, 2)


def _repeated(key: Tensor, query: Tensor) -> Tensor:
    """A completion's own keys, for every query head."""
    return _per_completion(key).repeat_interleave(query.shape[1] // key.shape[1], dim=1)


def _summed(gradient: Tensor, key: Tensor) -> Tensor:
    """The inverse of `_repeated` for gradients: those of the query heads that share a key head, added."""
    rows, heads, group, completion, size = key.shape
    per_head = gradient.view(rows, group, heads, -1, completion, size).sum(3)
    return per_head.transpose(1, 2)


def _joined(
    own: Heads, prompt: Heads, layout: PrefixLayout, window: int | None, scale: float, softcap: float | None
) -> Tensor:
    """One softmax over prompt and own keys, the prompt's repeated for every completion."""
    rows, device = own.query.shape[0], own.query.device

    def with_prompt(own_part: Tensor, prompt_part: Tensor) -> Tensor:
        repeated = prompt_part.unsqueeze(2).expand(-1, -1, layout.group, -1, -1)
        return _per_completion(torch.cat([repeated, own_part], dim=3))

    lengths = layout.lengths if layout.lengths is not None else torch.full((rows,), layout.prompt, device=device)
    prompt_position = torch.arange(layout.prompt, device=device)
    position = lengths[:, None] + torch.arange(layout.completion, device=device)
    sees_prompt = (prompt_position < lengths[:, None])[:, None].expand(-1, layout.completion, -1)
    if window is not None:
        sees_prompt = sees_prompt & (position[:, :, None] - prompt_position < window)
    sees_own = _causal(layout.completion, window, device).expand(rows, -1, -1)
    mask = torch.cat([sees_prompt, sees_own], dim=2).repeat_interleave(layout.group, dim=0).unsqueeze(1)
    keys, values = with_prompt(own.key, prompt.key), with_prompt(own.value, prompt.value)
    output = _softmax(Heads(_per_completion(own.query), keys, values), mask, scale, softcap)
    return _per_row(output, own.query).flatten(2, 3)


def _causal(tokens: int, window: int | None, device: torch.device) -> Tensor:
    distance = torch.arange(tokens, device=device)[:, None] - torch.arange(tokens, device=device)
    return (distance >= 0) if window is None else (distance >= 0) & (distance < window)


def _softmax(heads: Heads, mask: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    """Attention under a mask of what is seen; no mask is causal."""
    groups = heads.query.shape[1] // heads.key.shape[1]
    key, value = heads.key.repeat_interleave(groups, dim=1), heads.value.repeat_interleave(groups, dim=1)
    if softcap is None or mask is None:
        return scaled_dot_product_attention(heads.query, key, value, mask, is_causal=mask is None, scale=scale)
    scores = torch.tanh(heads.query @ key.mT * scale / softcap) * softcap
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value

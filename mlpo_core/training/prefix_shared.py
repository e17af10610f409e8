"""Log-probabilities of a group's completions with their prompt run once, gradients included.

A micro-batch of whole groups becomes one row per group: the prompt, then its completions (`prefix_attention`). Only the
hidden states that predict a completion token reach the output head, which is TRL's own. Positions, and so rotary
embeddings, are those of the plain path.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from mlpo_core.training.prefix_attention import NAMES, PrefixLayout, register

_IGNORED = -100


class Scored(NamedTuple):
    """Per-token figures of completions, shape (rows, completion tokens); zero where masked."""

    log_probs: Tensor
    entropy: Tensor | None


def refusal(model: Any) -> str | None:
    """Why a causal language model cannot share prompts, or None."""
    config = model.config.get_text_config()
    if config._attn_implementation not in NAMES and config._attn_implementation not in NAMES.values():
        return f"attention implementation {config._attn_implementation!r} (supported: {', '.join(NAMES)})"
    if not getattr(model, "_supports_attention_backend", False):
        return f"{type(model).__name__} does not take its attention from transformers' registry"
    if getattr(config, "attention_dropout", 0.0):
        return f"attention_dropout {config.attention_dropout}"
    return None


def enable(model: Any) -> None:
    """Let a causal language model, to which TRL has added its fused head, take the keyword `prefix_layout`.

    Everything else that the model computes stays as it is.
    """
    register()
    config = model.config.get_text_config()
    config._attn_implementation = NAMES.get(config._attn_implementation, config._attn_implementation)
    model.base_model.register_forward_hook(_select_hidden, with_kwargs=True)


def is_grouped(input_ids: Tensor, attention_mask: Tensor, completion: int, group: int) -> bool:
    """Whether the rows are whole groups: `group` consecutive rows with the same prompt."""
    rows = input_ids.shape[0]
    if group < 2 or rows % group:
        return False
    prompts = (input_ids * attention_mask)[:, :-completion].unflatten(0, (-1, group))
    masks = attention_mask[:, :-completion].unflatten(0, (-1, group))
    return bool((prompts == prompts[:, :1]).all() and (masks == masks[:, :1]).all())


def score(model: Any, input_ids: Tensor, attention_mask: Tensor, completion: int, group: int) -> Scored:
    """Log-probabilities and entropies of the last `completion` tokens of every row.

    Args:
        model: The policy, `enable`d; wrapped for adapters or several processes or not.
        input_ids: Prompts padded on the left, completions on the right, shape (rows, tokens); rows of a group adjoin.
        attention_mask: 1 where there is a token.
        completion: Width of the completions.
        group: Completions per prompt.
    """
    rows, full = input_ids.shape[0] // group, input_ids.shape[1] - completion
    prompt_mask = attention_mask[::group, :full]
    completion_mask = attention_mask[:, full:]
    lengths = prompt_mask.sum(1)
    width, longest = int(lengths.max()), max(1, int(completion_mask.sum(1).max()))
    # prompts move to the left: causal attention then needs no mask for their padding
    offset = full - lengths
    source = (torch.arange(width, device=input_ids.device) + offset[:, None]).clamp(max=full - 1)
    prompts = input_ids[::group, :full].gather(1, source)
    completions = input_ids[:, full : full + longest]
    completion_position = torch.arange(full, full + longest, device=input_ids.device).repeat(rows, group)
    outputs = model(
        input_ids=torch.cat([prompts, completions.reshape(rows, -1)], dim=1),
        position_ids=torch.cat([source, completion_position], dim=1),
        attention_mask=input_ids.new_zeros((1, 1, 1, 1)),  # four dimensions: the model makes none of its own
        prefix_layout=PrefixLayout(width, group, longest, None if bool((lengths == width).all()) else lengths),
        shift_labels=completions.masked_fill(completion_mask[:, :longest] == 0, _IGNORED),
        fused_lm_head=True,
    )
    padding = (0, completion - longest)
    entropy = outputs.entropy
    return Scored(
        torch.nn.functional.pad(outputs.log_probs, padding),
        None if entropy is None else torch.nn.functional.pad(entropy, padding),
    )


def _select_hidden(module: Any, _: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
    """From the hidden states of a row, those that predict its completions' tokens: (rows × group, completion, size)."""
    layout: PrefixLayout | None = options.get("prefix_layout")
    if layout is None:
        return output
    hidden = output.last_hidden_state
    rows = hidden.shape[0]
    if layout.lengths is None:
        last = hidden[:, layout.prompt - 1]
    else:
        last = hidden[torch.arange(rows, device=hidden.device), layout.lengths - 1]
    first = last[:, None, None].expand(-1, layout.group, -1, -1)
    within = hidden[:, layout.prompt :].unflatten(1, (layout.group, layout.completion))[:, :, :-1]
    output.last_hidden_state = torch.cat([first, within], dim=2).flatten(0, 1)
    return output

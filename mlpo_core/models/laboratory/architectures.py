"""Miniature causal language models of four real architectures, about 190,000 parameters each."""

from collections.abc import Callable
from typing import Any

from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PretrainedConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from mlpo_core.errors import BadInput
from mlpo_core.models.laboratory.tokenizer import CONTEXT

_HIDDEN, _LAYERS, _HEADS, _MLP = 96, 2, 3, 224
_THETA = 500.0
"""Base of the rotary positions: texts here are at most some hundred tokens long."""

_ARCHITECTURES: dict[str, tuple[Callable[..., PretrainedConfig], Callable[[Any], Any], dict[str, Any]]] = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {}),
    "gemma2": (
        Gemma2Config,
        Gemma2ForCausalLM,
        {"query_pre_attn_scalar": _HIDDEN // _HEADS, "sliding_window": CONTEXT, "attn_logit_softcapping": None},
    ),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {}),
}


def build(recipe: str, tokenizer: Any) -> Any:
    """A freshly initialised model for `pretrain:<recipe>`; torch's global generator decides its weights.

    Raises:
        BadInput: No such recipe.
    """
    if recipe not in _ARCHITECTURES:
        raise BadInput(
            f"model: pretrain:{recipe}: no such recipe; use pretrain: and one of {', '.join(_ARCHITECTURES)}"
        )
    config_class, model_class, extra = _ARCHITECTURES[recipe]
    config = config_class(
        vocab_size=len(tokenizer),
        hidden_size=_HIDDEN,
        intermediate_size=_MLP,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        num_key_value_heads=_HEADS,
        head_dim=_HIDDEN // _HEADS,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        attn_implementation="sdpa",
        rope_parameters={"rope_type": "default", "rope_theta": _THETA},
        **extra,
    )
    return model_class(config)

"""Random miniature checkpoints of several architectures, made on the spot."""

import string
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

CHARACTERS = string.ascii_letters + string.digits + " \n.,:;?!+-*/=<>()[]"
TEMPLATE = (
    "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SIZE = {
    "hidden_size": 96,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 512,
}
CONFIGS = {
    "llama": lambda v: LlamaConfig(vocab_size=v, **_SIZE),
    "qwen2": lambda v: Qwen2Config(vocab_size=v, **{k: s for k, s in _SIZE.items() if k != "head_dim"}),
    "qwen3": lambda v: Qwen3Config(vocab_size=v, **_SIZE),
    "gemma2": lambda v: Gemma2Config(vocab_size=v, sliding_window=16, query_pre_attn_scalar=32, **_SIZE),
}


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a character, control tokens for turns, answer tags that are not special."""
    special = ["<pad>", "<unk>", "<|user|>", "<|end|>", "<|assistant|>"]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate([*special, *CHARACTERS])}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens(special)
    core.add_tokens([AddedToken(t, special=False) for t in ("<think>", "</think>", "<answer>", "</answer>")])
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|end|>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def checkpoint(folder: Path, kind: str, seed: int = 0, scale: float = 4.0, dtype: torch.dtype = torch.float32) -> Path:
    """Save a random model. `scale` sharpens its choices, so that rounding does not decide the most likely token."""
    words = tokenizer()
    config = CONFIGS[kind](len(words))
    config.eos_token_id = words.eos_token_id
    config.pad_token_id = words.pad_token_id
    config.bos_token_id = None
    config.tie_word_embeddings = kind == "gemma2"  # as released; vLLM knows no other Gemma-2
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder

"""A character tokenizer with the answer tags as words and a chat template, for miniature models."""

import string
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_CHARACTERS = "ĊĠ" + string.ascii_letters + string.digits + string.punctuation
"""Printable ASCII; the first two stand for newline and space in byte-level tokenizers."""
_SPECIAL = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>")
_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CONTEXT = 1024
"""Tokens that a miniature model can read."""


def character_tokenizer() -> Any:
    """The tokenizer of every miniature model: one token per printable ASCII character, and one per tag.

    It is byte-level because `AutoTokenizer` rebuilds the tokenizer of any Qwen2 checkpoint as one, whatever was saved.
    Characters that it does not know are dropped. Tags are added as `special=False`, so that decoding without special
    tokens keeps them.
    """
    vocabulary = {token: index for index, token in enumerate((*_SPECIAL, *_CHARACTERS))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<|pad|>",  # noqa: S106 - a token of a tokenizer
        eos_token="<|end|>",  # noqa: S106 - a token of a tokenizer
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer

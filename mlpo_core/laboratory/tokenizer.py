"""A character tokenizer with the answer tags as words and a chat template, for miniature models."""

import string
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_CHARACTERS = "\n " + string.ascii_letters + string.digits + string.punctuation
_SPECIAL = ("<|pad|>", "<|unk|>", "<|end|>", "<|user|>", "<|assistant|>")
_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CONTEXT = 1024
"""Tokens that a miniature model can read."""


def character_tokenizer() -> Any:
    """The tokenizer of every miniature model: one token per printable ASCII character, and one per tag.

    Tags are added as `special=False`, so that decoding without special tokens keeps them.
    """
    vocabulary = {token: index for index, token in enumerate((*_SPECIAL, *_CHARACTERS))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<|unk|>"))
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<|pad|>",
        unk_token="<|unk|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    tokenizer.chat_template = _TEMPLATE
    return tokenizer

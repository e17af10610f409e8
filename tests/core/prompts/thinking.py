"""A small tokenizer whose chat template opens the thought itself, as those of reasoning models do."""

from typing import Any

from mlpo_core.models.laboratory.tokenizer import character_tokenizer

OPENING = "<think>\n"


def thinking_tokenizer() -> Any:
    """The character tokenizer with `<think>` and a line break at the end of every generation prompt."""
    tokenizer = character_tokenizer()
    assistant = "{{ '<|assistant|>' }}"
    assert assistant in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(assistant, "{{ '<|assistant|>" + OPENING[:-1] + "\\n' }}")
    return tokenizer

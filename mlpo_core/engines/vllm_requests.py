"""What a request that is drawn by our own streams carries into vLLM's process, and out of it."""

from typing import Any, NamedTuple

from mlpo_core.engines.protocol import Sampling

_KEY = "mlpo"


class Drawn(NamedTuple):
    """What a request that is drawn here carries to the process that samples."""

    seed: int
    temperature: float
    top_p: float
    length: int
    """Tokens that it may write."""


def parameters(sampling: Sampling, seed: int) -> dict[str, Any]:
    """The keywords of `SamplingParams` with which a request is sampled by an engine that draws our tokens."""
    if sampling.temperature == 0:
        return {"temperature": 0.0}
    asked = {"seed": seed, "temperature": sampling.temperature, "top_p": sampling.top_p}
    return {"temperature": 0.0, "extra_args": {_KEY: asked}}


def drawn(params: Any) -> Drawn | None:
    """What `parameters` put into a request; None for one that vLLM samples itself."""
    asked = (params.extra_args or {}).get(_KEY)
    return None if asked is None else Drawn(**asked, length=params.max_tokens or 1)

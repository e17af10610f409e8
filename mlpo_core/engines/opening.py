"""Opens the engine that an experiment names."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from mlpo_core.engines.protocol import Engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.store.answers import Answers

ENGINES: Mapping[str, str] = {
    "transformers": "mlpo_core.engines.transformers:TransformersEngine",
    "vllm": "mlpo_core.engines.vllm:VLLMEngine",
    "openai": "mlpo_core.engines.openai:OpenAIEngine",
}
"""Module and class by `engine.kind`. Each brings a library of its own: only the one that is asked for is imported."""


def open_engine(
    config: EngineConfig,
    model: str | Path,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    answers: Answers | None = None,
) -> Engine:
    """The engine that `config` names, holding `model` (hub id or local folder).

    Args:
        config: Says which.
        model: What it holds.
        revision: Of the model.
        trust_remote_code: Whether code that comes with the model is run.
        answers: Where an endpoint's answers are kept, and looked for; None asks for all of them.

    Raises:
        BadInput: The engine holds responses instead of a model, or its library is not installed.
    """
    if config.kind not in ENGINES:
        raise BadInput("engine.kind: recorded holds responses, not a model: nothing new can be generated from it")
    module, _, name = ENGINES[config.kind].partition(":")
    return getattr(import_module(module), name)(
        config,
        str(model),
        revision=revision,
        trust_remote_code=trust_remote_code,
        **({"answers": answers} if config.kind == "openai" else {}),
    )

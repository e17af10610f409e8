"""Reads from TRL's vLLM engine how much of the rollouts' prompts its prefix cache served, which TRL itself drops."""

from collections.abc import Callable
from typing import Any


def observe(llm: Any, report: Callable[[float], None]) -> None:
    """Call `report` with the share of prompt tokens that were cached, after every `generate` of an engine.

    Args:
        llm: A `vllm.LLM`. What its `generate` takes and returns stays as it is.
        report: Takes the share, 0 to 1.
    """
    generate = llm.generate

    def observed(*arguments: Any, **options: Any) -> Any:
        outputs = generate(*arguments, **options)
        if tokens := sum(len(output.prompt_token_ids) for output in outputs):
            report(sum(output.num_cached_tokens or 0 for output in outputs) / tokens)
        return outputs

    llm.generate = observed

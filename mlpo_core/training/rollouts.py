"""Completions of the policy with transformers: a prompt is prefilled once for its group, and finished rows leave.

Every completion draws from its own stream of random numbers, keyed by training seed, step and row, so what is sampled
does not depend on what else drew random numbers before, nor on a resume in between.
"""

import sys
from collections.abc import Sequence
from typing import Any

from mlpo_core.engines.batching import plan
from mlpo_core.engines.decoding import decode
from mlpo_core.engines.protocol import Sampling
from mlpo_core.types import stable_seed


def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    stop: Sequence[int],
    seed: Sequence[int],
    budget: int = sys.maxsize,
) -> list[list[int]]:
    """Token ids of one completion per prompt, in order, each with the token that ended it.

    Args:
        model: The policy, unwrapped.
        prompts: Token ids; the copies of a prompt stand together.
        sampling: Temperature, nucleus mass and length limit.
        stop: Token ids that end a completion.
        seed: Whatever tells this call from others; the row's index is added.
        budget: Most tokens that are decoded together, as in `plan`: its share of the cache is what this costs.
    """
    completions: list[list[int]] = [[] for _ in prompts]
    training = model.training
    model.eval()
    for batch in plan(prompts, sampling.max_new_tokens, budget):
        seeds = [stable_seed(*seed, request) for request in batch.requests]
        for request, written in zip(batch.requests, decode(model, batch, seeds, sampling, stop), strict=True):
            completions[request] = written
    model.train(training)
    return completions

"""Which prompts run together: batches of like length, longest first, within a budget of tokens, always the same."""

from collections.abc import Sequence
from typing import NamedTuple

from mlpo_core.errors import BadInput


class Batch(NamedTuple):
    """Rows that are decoded together.

    Attributes:
        prompts: The distinct prompts, as token ids, longest first.
        sources: For every row, the index of its prompt; rows of one prompt stand together.
        requests: For every row, the index of its request.
    """

    prompts: list[list[int]]
    sources: list[int]
    requests: list[int]


def plan(prompts: Sequence[Sequence[int]], max_new_tokens: int, budget: int) -> list[Batch]:
    """Divide requests into batches. Depends on the arguments alone, so a repeated run does the same arithmetic.

    Args:
        prompts: Token ids by request. Equal ones are run once.
        max_new_tokens: Tokens that every row may add.
        budget: Most tokens of a batch: rows × (its longest prompt + `max_new_tokens`). A batch has at least one row.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, prompt in enumerate(prompts):
        groups.setdefault(tuple(prompt), []).append(index)
    batches: list[Batch] = []
    room = 0
    for prompt, requests in sorted(groups.items(), key=lambda g: (-len(g[0]), g[1][0])):
        for place, index in enumerate(requests):
            if room == 0:
                room = max(1, budget // (len(prompt) + max_new_tokens))
                batches.append(Batch([], [], []))
            batch = batches[-1]
            if place == 0 or not batch.prompts:
                batch.prompts.append(list(prompt))
            batch.sources.append(len(batch.prompts) - 1)
            batch.requests.append(index)
            room -= 1
    return batches


def check_lengths(lengths: Sequence[int], max_new_tokens: int, max_context: int | None) -> None:
    """Refuse a call whose longest prompt leaves no room for its answer.

    Raises:
        BadInput: Names the longest prompt, and how much too long it is.
    """
    if max_context is None or not lengths:
        return
    longest = max(range(len(lengths)), key=lambda i: lengths[i])
    if (need := lengths[longest] + max_new_tokens) > max_context:
        raise BadInput(
            f"prompt {longest} of {len(lengths)} has {lengths[longest]} tokens; with max_new_tokens={max_new_tokens} "
            f"it needs {need}, and the model's context holds {max_context}. Lower max_new_tokens, show the leader less "
            "(leader.information), leave the task out, or take a model with a longer context."
        )

"""Memory of one GPU while the leader is trained, by the bytes that autograd keeps.

Weights, gradients and AdamW's two moments are float32 (an adapter's too, over frozen bfloat16 weights) under bfloat16
autocast. What a layer keeps for the backward pass is counted operation by operation; the tests hold the sum against
PyTorch's memory tracker over the same step on tensors without data.
"""

from typing import NamedTuple

from mlpo_core.chain.dimensions import Dimensions

_TILE = 4096 * 32768 * 2
"""TRL's fused output head: logits of so many tokens times so many words at once."""


class Update(NamedTuple):
    """What one process puts through forward and backward at once.

    Attributes:
        model: The leader.
        rank: Of its adapter; 0 trains all weights.
        checkpointing: Whether layers are run again in the backward pass.
        shards: GPUs that share weights, gradients and optimizer states.
        rows: Rows of the micro-batch.
        prompt: Tokens of the longest prompt.
        completion: Tokens of the longest completion.
        group: Rows that share one copy of their prompt; 1 where every row has its own.
    """

    model: Dimensions
    rank: int
    checkpointing: bool
    shards: int
    rows: int
    prompt: int
    completion: int
    group: int = 1

    @property
    def tokens(self) -> int:
        """Positions that every layer computes."""
        return self.rows // self.group * self.prompt + self.rows * self.completion

    @property
    def scored(self) -> int:
        """Positions that reach the output head."""
        return self.rows * self.completion


class Held(NamedTuple):
    """Bytes on one GPU at the worst moment of a training step."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    """What the vocabulary takes: a tile of logits, and the head's gradient before it is added."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


def held(update: Update) -> Held:
    """The bytes of a step, gradients of an earlier micro-batch and the optimizer's states included."""
    model, shards = update.model, update.shards
    trained = model.adapted * update.rank if update.rank else model.parameters
    weights = (2 * model.parameters + 4 * trained if update.rank else 4 * model.parameters) / shards
    saved, copies, at_work = _activations(update)
    tile = min(1.0, update.scored / 4096) * _TILE
    of_hidden = update.scored * model.hidden * (4 if update.rank else 8)
    logits = tile + of_hidden + (0 if update.rank else 4 * model.head)
    whole, whole_gradients, at_end = _gathered(update)
    # forward ends with the copies, backward begins with the head, then layers run again; a sharded one ends with the
    # gradients of embedding and head: whichever is most
    at_head = max(copies + tile, logits) + saved + whole
    in_layer = saved + at_work + whole + whole_gradients
    most = max(at_head, in_layer, at_end)
    return Held(weights, 4 * trained / shards, 8 * trained / shards, most - min(logits, most), min(logits, most))


def _activations(update: Update) -> tuple[float, float, float]:
    """What is kept from forward to backward, what only the forward pass holds, and what one layer's backward needs."""
    model, tokens = update.model, update.tokens
    query = model.heads * model.head_size
    if update.group > 1:  # the prompt's keys and values, and each completion's after a copy of the prompt's
        width = update.prompt + update.completion
        keys = update.rows // update.group * update.prompt + update.rows * width
        mask = 2 * update.rows * update.completion * width
        joined = 8 * tokens * query
    else:
        keys, mask, joined = tokens, 2 * update.rows * (update.prompt + update.completion) ** 2, 0
    attention = 4 * query * keys + mask + joined
    half_copy = 0 if update.shards > 1 or update.rank else 2 * model.layer
    if update.rank:
        inner = tokens * (8 * model.intermediate + 22 * model.hidden + 6 * query)
        residual = 2 * tokens * model.hidden
    else:
        inner = tokens * (8 * model.intermediate + 20 * model.hidden + 6 * query)
        residual = 4 * tokens * model.hidden
    layer = inner + attention + half_copy
    largest = model.hidden * model.intermediate
    backward = 6 * tokens * model.intermediate
    backward += 0 if update.rank else (6 if update.shards == 1 else 2) * largest
    if update.checkpointing:
        return model.layers * residual, model.layers * half_copy, layer + backward
    return model.layers * layer, 0.0, backward


def _gathered(update: Update) -> tuple[float, float, float]:
    """What a sharded model holds whole: weights, the head's gradient while layers are at work, gradients at the end.

    Weights are those of two layers, of the embedding and of the head, in bfloat16 as gradients are; the last gradients,
    of embedding and head, are summed over GPUs in float32.
    """
    if update.shards == 1:
        return 0.0, 0.0, 0.0
    model = update.model
    weights = 2 * (2 * model.layer + model.ends)
    if update.rank:
        return weights, 0.0, weights
    return weights, 2 * model.head, 6 * model.ends

"""Holds the shared path against the plain one, once, at a small share of what a step takes.

Two short completions of a group serve: their log-probabilities under the whole prompt, without gradients, and then the
gradients of a few weights under the end of the prompt. In half precision what is accepted depends on how much rounding
alone moves the plain path of this model: padding, which changes nothing but positions and shapes, shows that.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_COMPLETION = 32
"""Tokens of the completions."""
_PROMPT = 128
"""Tokens of the prompt under which gradients are compared."""
_WEIGHTS = 8
"""Weights whose gradients are compared."""
_PADDING = 8
_EXACT = 1e-4
"""Relative difference that is accepted in float32."""
_TIMES = 3.0
"""In half precision, how many times the plain path's own noise."""
_HALF = (2.0**-7, 0.2)
"""The least and the most that is accepted in half precision, whatever the noise: bfloat16's spacing, and a fifth."""


class Pair(NamedTuple):
    """Two rows of a group: prompts padded on the left, then `completion` tokens padded on the right."""

    ids: Tensor
    mask: Tensor
    completion: int


Path = Callable[[Pair], Tensor]
"""Log-probabilities of a pair's completions, shape (2, completion)."""


class Found(NamedTuple):
    """A relative difference of both paths, and what is accepted."""

    difference: float
    accepted: float


def pair_of(inputs: dict[str, Any], group: slice) -> Pair:
    """The two shortest completions of a group of a micro-batch that are not masked altogether, cut short."""
    masks = inputs["completion_mask"][group]
    lengths = masks.sum(1)
    shortest = torch.where(lengths > 0, lengths, masks.shape[1] + 1).argsort(stable=True)[:2]
    width = min(_COMPLETION, int(lengths[shortest].max()))

    def rows(of: str) -> Tensor:
        prompt, completion = inputs[f"prompt_{of}"][group], inputs[f"completion_{of}"][group]
        return torch.cat([prompt[shortest], completion[shortest, :width]], dim=1)

    return Pair(rows("ids"), rows("mask"), width)


def few(model: Any) -> list[Tensor]:
    """The smallest trainable matrix of each of a few equal parts of a model, without its embeddings and output head."""
    ends = {id(getattr(end, "weight", None)) for end in (model.get_input_embeddings(), model.get_output_embeddings())}
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1 and id(p) not in ends]
    size = max(1, -(-len(matrices) // _WEIGHTS))
    return [min(matrices[start : start + size], key=Tensor.numel) for start in range(0, len(matrices), size)]


def compare(plain: Path, shared: Path, pair: Pair, weights: Sequence[Tensor], half: bool) -> list[Found]:
    """Differences of log-probabilities, and of gradients of `weights` where there are any.

    Args:
        plain: Runs the prompt for every completion.
        shared: Runs it once.
        pair: What both run.
        weights: Whose gradients are compared; those of sharded weights exist only piecewise.
        half: Whether anything is computed in bfloat16 or float16.
    """

    def values(path: Path, pair: Pair) -> list[Tensor]:
        with torch.no_grad():
            return [_kept(path(pair), pair).float()]

    def gradients(path: Path, pair: Pair) -> list[Tensor]:
        logps = _kept(path(pair), pair)
        slope = torch.cos(torch.arange(logps.numel(), device=logps.device)).view_as(logps)
        loss: Any = (logps * slope).sum()
        found: Any = torch.autograd.grad(loss, list(weights), allow_unused=True)
        return [gradient for gradient in found if gradient is not None]

    found = [_held(values, plain, shared, pair, half)]
    if weights:
        end = slice(-pair.completion - _PROMPT, None)
        found.append(_held(gradients, plain, shared, Pair(pair.ids[:, end], pair.mask[:, end], pair.completion), half))
    return found


def _held(measure: Callable[[Path, Pair], list[Tensor]], plain: Path, shared: Path, pair: Pair, half: bool) -> Found:
    expected = measure(plain, pair)
    difference = _relative(expected, measure(shared, pair))
    if not half:
        return Found(difference, _EXACT)
    padded = Pair(pad(pair.ids, (_PADDING, 0)), pad(pair.mask, (_PADDING, 0)), pair.completion)
    least, most = _HALF
    return Found(difference, min(most, max(least, _TIMES * _relative(expected, measure(plain, padded)))))


def _kept(logps: Tensor, pair: Pair) -> Tensor:
    return logps * pair.mask[:, -pair.completion :]


def _relative(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Of all tensors together, one after another: nothing is copied into one."""
    apart = sum((e.float() - f.float()).square().sum().item() for e, f in zip(expected, found, strict=True))
    size = sum(e.float().square().sum().item() for e in expected)
    return (apart / max(size, 1e-24)) ** 0.5

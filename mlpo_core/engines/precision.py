"""Which half precision a CUDA card computes in. Before compute capability 8.0 there is no bfloat16, only float16."""

import torch

from mlpo_core.progress import log


def native_bfloat16() -> bool:
    """Whether the current CUDA device computes in bfloat16 itself; PyTorch emulates it elsewhere, many times slower."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def half_for(asked: torch.dtype | None, what: str) -> torch.dtype:
    """The precision for generating on a CUDA card: as asked, or bfloat16, or float16 where the card lacks that.

    Args:
        asked: None leaves it to the card.
        what: What it is for, for the log.
    """
    if asked not in (None, torch.bfloat16) or native_bfloat16():
        return asked or torch.bfloat16
    if asked:
        log(f"{what}: {torch.cuda.get_device_name()} has no bfloat16 arithmetic: float16 instead")
    return torch.float16


def trains_in_bfloat16(what: str) -> bool:
    """Whether training on this machine computes in bfloat16. Where a card lacks it that is float32, said in the log.

    float16 would need its gradients scaled, by trial and error through steps whose gradients are not finite.
    """
    if not torch.cuda.is_available():
        return False
    if not (native := native_bfloat16()):
        log(f"{what}: {torch.cuda.get_device_name()} has no bfloat16 arithmetic: float32 instead")
    return native

"""TRL's GRPO trainer, imported without vLLM where there is no CUDA device: TRL cannot use vLLM there.

TRL imports all of vLLM wherever it is installed, which was a third of the time of a small phase.
"""

import torch
import trl.import_utils as availability

_is_vllm_available = availability.is_vllm_available
if not torch.cuda.is_available():
    availability.is_vllm_available = lambda *_, **__: False
try:
    from trl.trainer.grpo_trainer import GRPOTrainer
finally:
    availability.is_vllm_available = _is_vllm_available

__all__ = ["GRPOTrainer"]

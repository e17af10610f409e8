"""The transformers engine against HF's own generate, and what a row may depend on."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mlpo_core.engines import Sampling, open_engine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.prompts import chat
from mlpo_core.store.digest import table_digest
from mlpo_core.store.schemas import VOLATILE
from mlpo_core.types import Generation, Request
from tests.core.engines import tiny_models

GREEDY = Sampling(0.0, 1.0, 24)
SAMPLED = Sampling(1.0, 1.0, 24)


@pytest.fixture(scope="module", params=tiny_models.CONFIGS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.checkpoint(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.checkpoint(tmp_path_factory.mktemp("models") / "llama", "llama", scale=1.5)


def prompts(n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(tiny_models.CHARACTERS, k=rng.randint(1, 60))) for _ in range(n)]


def generate(model: Path, requests: list[Request], sampling: Sampling, **config: Any) -> list[Generation]:
    with open_engine(EngineConfig(**config), model) as engine:
        return engine.generate(requests, sampling)


def test_greedy_equals_hf_generate_one_prompt_at_a_time(model: Path) -> None:
    """Left padding, the growing cache, leaving rows and Gemma-2's window and soft cap change nothing."""
    texts = prompts(24)
    found = generate(model, [Request(p, 0) for p in texts], GREEDY)
    tokenizer = AutoTokenizer.from_pretrained(model)
    reference = AutoModelForCausalLM.from_pretrained(model, attn_implementation="eager").eval()
    for prompt, generation in zip(texts, found, strict=True):
        ids = torch.tensor([chat.encode(tokenizer, prompt)])
        out = reference.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24)
        new = out[0, ids.shape[1] :].tolist()
        assert generation.text == tokenizer.decode(new, skip_special_tokens=True)
        assert generation.completion_tokens == len(new)
        assert generation.prompt_tokens == ids.shape[1]
        assert generation.finish_reason == ("stop" if new[-1] == tokenizer.eos_token_id else "length")


def test_the_same_requests_give_the_same_digest(model: Path) -> None:
    requests = [Request(p, seed) for p in prompts(8) for seed in range(3)]
    digests = {
        table_digest(pa.Table.from_pylist([g._asdict() for g in generate(model, requests, SAMPLED)]), VOLATILE)
        for _ in range(2)
    }
    assert len(digests) == 1


def test_a_row_depends_on_its_seed_and_not_on_its_neighbours(model: Path) -> None:
    requests = [Request(p, 10 * i + j) for i, p in enumerate(prompts(8)) for j in range(3)]
    together = [g.text for g in generate(model, requests, SAMPLED)]
    alone = [generate(model, [r], SAMPLED)[0].text for r in requests[:6]]
    order = list(range(len(requests)))
    random.Random(1).shuffle(order)
    shuffled = generate(model, [requests[i] for i in order], SAMPLED, batch_tokens=300)
    assert alone == together[:6]
    assert [g.text for g in shuffled] == [together[i] for i in order]
    assert len(set(together[:3])) > 1, "another seed, another sample"


def test_rows_that_end_early_leave_and_the_others_go_on(llama: Path) -> None:
    requests = [Request(p, i) for i, p in enumerate(prompts(64))]
    found = generate(llama, requests, Sampling(1.0, 1.0, 200))
    lengths = {g.completion_tokens for g in found if g.finish_reason == "stop"}
    assert len(lengths) > 10, "the model ends its rows at many different lengths"
    alone = [generate(llama, [r], Sampling(1.0, 1.0, 200))[0] for r in requests[:4]]
    assert [g.text for g in alone] == [g.text for g in found[:4]]
    assert all("<|" not in g.text for g in found), "control tokens are not part of the text"


def test_samples_of_one_prompt_share_its_prefill(llama: Path) -> None:
    found = generate(llama, [Request("abc", s) for s in range(4)], GREEDY)
    assert [g.cached_prompt_tokens for g in found] == [0] + [found[0].prompt_tokens] * 3
    assert len({g.text for g in found}) == 1, "greedy does not read the seed"


def test_a_prompt_beyond_the_context_is_refused_before_anything_runs(llama: Path) -> None:
    with open_engine(EngineConfig(), llama) as engine:
        assert engine.max_context == 512
        assert engine.count_tokens("abc") == 3 + 3, "the template adds three control tokens"
        with pytest.raises(BadInput, match="prompt 1 of 2 has 503 tokens"):
            engine.generate([Request("a", 0), Request("a" * 500, 0)], GREEDY)
    with open_engine(EngineConfig(max_model_len=64), llama) as engine:
        assert engine.max_context == 64


def test_no_requests_no_rows(llama: Path) -> None:
    assert generate(llama, [], GREEDY) == []


def test_control_tokens_of_a_prompt_are_plain_text(llama: Path) -> None:
    with open_engine(EngineConfig(), llama) as engine:
        assert engine.count_tokens("a<|end|>b") == engine.count_tokens("a< |end|>b")


@pytest.mark.parametrize("missing", ["./no-such-model", "."])
def test_a_folder_without_a_model_is_bad_input(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="not loadable"):
        open_engine(EngineConfig(), missing)


def test_pickled_weights_are_refused(llama: Path, tmp_path: Path) -> None:
    for file in llama.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInput, match="safetensors"):
        open_engine(EngineConfig(), tmp_path)

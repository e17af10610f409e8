"""Pre-training: tokenizer and template, optimizer, and a short run that resumes and repeats itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, load
from mlpo_core.models.laboratory.architectures import build
from mlpo_core.models.laboratory.muon import Muon, orthogonalise
from mlpo_core.models.laboratory.pretrain import learning_rate_factor, pretrain_models, replay_documents
from mlpo_core.models.laboratory.tokenizer import TAGS, character_tokenizer
from mlpo_core.prompts.chat import encode
from tests.support import REPOSITORY

_TINY = REPOSITORY / "experiments" / "tiny.yaml"
VOTES = ("leader.information=votes", "sft.solo_share=0", "mlpo.solo_share=0", "grpo.enabled=false")
_SMALL = ("base_models.steps=6", "base_models.leader_steps=6", "base_models.batch_size=16")


def _context(experiment: Experiment) -> Any:
    rows = [{"question": "sum 1+2+3+4+5"}]
    return cast(Any, SimpleNamespace(experiment=experiment, inputs={"tasks": SimpleNamespace(rows=lambda _: rows)}))


@pytest.mark.parametrize("recipe", ["llama", "qwen2", "gemma2", "qwen3"])
def test_a_reloaded_tokenizer_reads_and_writes_as_the_model_was_trained(recipe: str, tmp_path: Path) -> None:
    tokenizer = character_tokenizer()
    build(recipe, tokenizer).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    reloaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "Ab 1,2\n 3-4=\n<think>1 2,3</think> <answer>-7</answer>~!"
    ids = tokenizer(text)["input_ids"]
    assert reloaded(text)["input_ids"] == ids
    assert len(ids) == len(text) - sum(len(t) - 1 for t in TAGS)
    assert reloaded.decode(ids, skip_special_tokens=True) == text
    assert all(len(reloaded(t)["input_ids"]) == 1 for t in TAGS)


def test_pretraining_reads_prompts_exactly_as_inference_renders_them() -> None:
    tokenizer = character_tokenizer()
    prompt = "sum 1+2\n1 <answer>3</answer>"
    assert encode(tokenizer, prompt) == tokenizer(f"<|user|>{prompt}<|end|><|assistant|>")["input_ids"]
    turn = [{"role": "user", "content": prompt}, {"role": "assistant", "content": "3"}]
    whole = tokenizer.apply_chat_template(turn, tokenize=False)
    assert whole == f"<|user|>{prompt}<|end|><|assistant|>3<|end|>"


def test_orthogonalised_updates_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((96, 224), (224, 96), (96, 96)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.median() > 0.6
        assert values.max() < 1.3


def test_muon_descends_a_matrix_regression() -> None:
    torch.manual_seed(0)
    weight, target = torch.nn.Parameter(torch.zeros(8, 8)), torch.randn(8, 8)
    optimizer = Muon([weight], lr=0.05)
    losses: list[float] = []
    for _ in range(100):
        loss = (weight - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [learning_rate_factor(s, 200) for s in range(200)]
    assert max(factors) == pytest.approx(1.0, abs=0.01)
    assert factors[0] == 0.25
    assert factors[-1] == 0.05


@pytest.mark.parametrize("recipe", ["llama", "qwen2", "gemma2", "qwen3"])
def test_right_padding_does_not_change_what_a_model_computes(recipe: str) -> None:
    torch.manual_seed(0)
    model = build(recipe, character_tokenizer()).eval()
    ids = torch.randint(5, 90, (1, 12))
    padded = torch.cat([ids, torch.zeros((1, 6), dtype=torch.long)], dim=1)
    mask = (torch.arange(18) < 12).long()[None]
    alone = model(input_ids=ids).logits
    assert torch.allclose(model(input_ids=padded, attention_mask=mask).logits[:, :12], alone, atol=1e-5)
    assert 150_000 < sum(p.numel() for p in model.parameters()) < 260_000


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(BadInput, match="pretrain:bert"):
        build("bert", character_tokenizer())


@pytest.mark.timeout(300)
def test_a_short_run_is_reproducible_and_resumes_by_model(tmp_path: Path) -> None:
    context = _context(load(_TINY, _SMALL))
    first = pretrain_models(context, ["alpha", "leader"], tmp_path / "a")
    stamp = (first["alpha"] / "model.safetensors").stat().st_mtime_ns
    (first["leader"] / "pretraining.json").unlink()  # as a kill before the end would leave it
    again = pretrain_models(context, ["alpha", "leader"], tmp_path / "a")
    assert (again["alpha"] / "model.safetensors").stat().st_mtime_ns == stamp
    other = pretrain_models(context, ["leader"], tmp_path / "b")
    assert (again["leader"] / "model.safetensors").read_bytes() == (other["leader"] / "model.safetensors").read_bytes()
    model = AutoModelForCausalLM.from_pretrained(again["alpha"])
    tokenizer = AutoTokenizer.from_pretrained(again["alpha"])
    ids = torch.tensor([encode(tokenizer, "sum 1+2+3+4+5")])
    written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > ids.shape[1]


def test_replay_documents_are_new_ones_of_the_leaders_own_kind() -> None:
    experiment = load(_TINY)
    documents = replay_documents(experiment, 400, seed=1, forbidden=frozenset())
    assert len(set(documents)) > 390
    assert 0.5 < sum("\n" in prompt for prompt, _ in documents) / 400 < 0.9
    assert documents == replay_documents(experiment, 400, seed=1, forbidden=frozenset())


def test_a_leader_of_votes_is_pretrained_on_votes_for_the_options_of_its_tasks(tmp_path: Path) -> None:
    experiment = load(_TINY, (*_SMALL, *VOTES))
    rows = [{"question": "Which?", "subject": "law", "choices": ["x", "y", "z"]}]
    context = cast(Any, SimpleNamespace(experiment=experiment, inputs={"tasks": SimpleNamespace(rows=lambda _: rows)}))
    folder = pretrain_models(context, ["leader"], tmp_path)["leader"]
    assert (folder / "model.safetensors").exists()
    rows[0]["choices"] = []
    with pytest.raises(BadInput, match="no task has any"):
        pretrain_models(context, ["leader"], tmp_path / "none")

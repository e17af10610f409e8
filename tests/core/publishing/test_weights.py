"""An adapter that is published does what the trainings did one after the other."""

import json
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from mlpo_core.errors import BadInput
from mlpo_core.experiment import LoRA
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.models.locate import Located
from mlpo_core.publishing.merged import merged, read_adapter
from mlpo_core.publishing.weights import put_adapter, put_generation, put_whole
from mlpo_core.training.leader import adapter as adapter_of
from mlpo_core.training.leader import save, save_adapter
from tests.core.training.small import save_leader

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def trained(base: Path, rank: int, folder: Path) -> tuple[Path, Path]:
    """A checkpoint and its adapter, as a training leaves them."""
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), adapter_of(LoRA(rank=rank)))
    torch.manual_seed(rank)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    adapter = save_adapter(model, folder / "adapter")
    assert adapter
    return save(model, character_tokenizer(), folder / "whole"), adapter


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([[5, 6, 7, 8]])).logits


def test_two_adapters_are_published_as_one_that_is_both(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = save_leader(tmp_path / "base")
    first, one = trained(base, 2, tmp_path / "sft")
    last, two = trained(first, 3, tmp_path / "mlpo")
    folder = tmp_path / "published"
    folder.mkdir()
    put_adapter(last, [one, two], Located("owner/base", COMMIT), folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"], config["revision"]) == (5, "owner/base", COMMIT)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert not (folder / "model.safetensors").exists() and (folder / "tokenizer.json").exists()

    wanted = logits(AutoModelForCausalLM.from_pretrained(last))
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    torch.testing.assert_close(logits(adapted), wanted, rtol=1e-4, atol=1e-4)
    put_generation(folder, character_tokenizer(), 0.0, 12)
    path = folder / "adapter_config.json"
    hostile = {**json.loads(path.read_text()), "megatron_config": {}, "megatron_core": "antigravity"}
    path.write_text(json.dumps(hostile))
    whole = merged(folder, read_adapter(folder), Located(str(base), None))
    assert "antigravity" not in sys.modules
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(whole)), wanted, rtol=1e-4, atol=1e-4)
    assert json.loads((whole / "generation_config.json").read_text())["do_sample"] is False
    assert merged(folder, read_adapter(folder), Located(str(base), None)) == whole


@pytest.mark.parametrize("change", [{"target_modules": "(a+)+$"}, {"peft_type": "IA3"}, {"r": 0}, {"r": "x"}])
def test_an_adapter_of_another_kind_is_refused(change, tmp_path: Path) -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": "a/b", "r": 1, "lora_alpha": 1, "target_modules": ["q"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    assert read_adapter(tmp_path).r == 1
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | change))
    with pytest.raises(BadInput, match="no LoRA adapter"):
        read_adapter(tmp_path)


def test_weights_that_are_no_safetensors_are_not_loaded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base, folder = save_leader(tmp_path / "base"), tmp_path / "published"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "a/b", "r": 1, "lora_alpha": 1}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["q_proj"]}))
    torch.save({}, folder / "adapter_model.bin")
    with pytest.raises(BadInput, match="cannot be merged"):
        merged(folder, read_adapter(folder), Located(str(base), None))


def test_the_folder_samples_as_the_leader_was_measured_and_its_source_stays(tmp_path: Path) -> None:
    source = save_leader(tmp_path / "source")
    path = source / "generation_config.json"
    before = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [2]}
    path.write_text(json.dumps(before))
    folder = tmp_path / "published"
    folder.mkdir()
    put_whole(source, folder)
    put_generation(folder, character_tokenizer(), 0.0, 64)
    made = json.loads((folder / "generation_config.json").read_text())
    assert made == {"do_sample": False, "eos_token_id": [1, 2], "max_new_tokens": 64}
    assert json.loads(path.read_text()) == before
    put_generation(folder, character_tokenizer(), 0.5, 64)
    assert json.loads((folder / "generation_config.json").read_text())["temperature"] == 0.5

"""What is computed in on a card that has no bfloat16 arithmetic (before compute capability 8.0)."""

from pathlib import Path

import pytest
import torch

from mlpo_core.engines import precision
from mlpo_core.engines import transformers as transformers_engine
from mlpo_core.engines import vllm as vllm_engine
from mlpo_core.experiment import EngineConfig
from mlpo_core.training import fit
from tests.core.training.test_fit import schedule


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A card without bfloat16, which PyTorch emulates there when it is let; what is logged about it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100")
    lines: list[str] = []
    monkeypatch.setattr(precision, "log", lines.append)
    return lines


@pytest.mark.parametrize(("asked", "lines"), [("auto", 0), ("bfloat16", 1)])
def test_both_engines_generate_in_float16(said: list[str], asked: str, lines: int) -> None:
    config = EngineConfig.model_validate({"dtype": asked})
    assert transformers_engine._dtype(config, "cuda") is torch.float16
    assert len(said) == lines
    assert vllm_engine.engine_options(config, cuda=True)["dtype"] == "float16"
    assert said == ["engine.dtype: Tesla V100 has no bfloat16 arithmetic: float16 instead"] * 2 * lines


def test_what_is_asked_for_and_there_is_taken(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert transformers_engine._dtype(EngineConfig(dtype="float32"), "cuda") is torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert transformers_engine._dtype(EngineConfig(), "cuda") is torch.bfloat16
    assert vllm_engine.engine_options(EngineConfig(dtype="float16"), cuda=True)["dtype"] == "float16"
    assert fit.arguments(schedule(), Path("out"))["bf16"] is True
    assert said == []


def test_training_computes_in_float32(said: list[str]) -> None:
    arguments = fit.arguments(schedule(), Path("out"))
    assert arguments["bf16"] is False and "fp16" not in arguments
    assert said == ["training: Tesla V100 has no bfloat16 arithmetic: float32 instead"]

"""What processes that train together agree on."""

from pathlib import Path

import pytest
import torch
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer

from mlpo_core.training import fit, mlpo, sft
from tests.core.training import small


def schedule(**changed):
    values = {
        "steps": 1,
        "rows_per_step": 8,
        "micro_batch_size": None,
        "learning_rate": 1e-3,
        "warmup_steps": 0,
        "decay": False,
        "save_steps": 1,
        "seed": 0,
        "gradient_checkpointing": None,
    }
    return fit.Schedule(**{**values, **changed})


@pytest.mark.parametrize(
    ("cuda", "asked", "on"), [(False, None, False), (False, True, True), (True, None, True), (True, False, False)]
)
def test_gradient_checkpointing_is_on_where_there_is_a_gpu_unless_the_experiment_says_otherwise(
    monkeypatch, cuda, asked, on
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert fit.arguments(schedule(gradient_checkpointing=asked), Path("out"))["gradient_checkpointing"] is on


class Recomputed:
    """Counts the layers that run while gradients flow back."""

    def __init__(self, monkeypatch):
        self.layers = 0
        original = Qwen3DecoderLayer.forward

        def counted(layer, *arguments, **options):
            self.layers += torch._C._current_graph_task_id() != -1
            return original(layer, *arguments, **options)

        monkeypatch.setattr(Qwen3DecoderLayer, "forward", counted)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("rank", [0, 4])
def test_the_setting_reaches_both_trainings(inputs, lenient_grading, monkeypatch, asked, rank):
    both = {"steps": 1, "gradient_checkpointing": asked, "lora": {"rank": rank}}
    for asset, run, section in (("sft_leader", sft.run, "sft"), ("mlpo_leader", mlpo.run, "mlpo")):
        counted = Recomputed(monkeypatch)
        run(inputs.context(asset, small.experiment(**{section: both})))
        assert (counted.layers > 0) is asked, asset


@pytest.mark.parametrize(
    ("elsewhere", "agreed"),
    [(["checkpoint-4"], "checkpoint-4"), ([""], None), (["checkpoint-2"], None), ([], "checkpoint-4")],
)
def test_a_checkpoint_that_some_node_does_not_have_is_not_resumed_from(monkeypatch, elsewhere, agreed):
    monkeypatch.setattr(fit, "gather_object", lambda own: own + elsewhere)
    found = fit.at_hand_everywhere(Path("scratch/checkpoint-4"))
    assert (found.name if found else None) == agreed


def test_all_begin_where_nobody_has_a_checkpoint():
    assert fit.at_hand_everywhere(None) is None

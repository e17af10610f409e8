"""Both trainers over a leader with the shapes of Qwen2.5-7B, on tensors without data.

What has numbers of its own is left out: loading and writing weights, generation, the comparison of the shared path with
the plain one, and the curves on dev prompts. Everything between is the stages' own code.
"""

import random
from pathlib import Path

import pytest
from transformers import GenerationConfig, Trainer

from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.training import fit, mlpo, prefix_attention, sft
from mlpo_core.training import leader as leaders
from mlpo_core.training.leader_trainer import LeaderTrainer
from tests.core.training import fake, small


@pytest.fixture
def on_shapes(monkeypatch):
    """Makes the leader that a stage loads, and gives the mode that it is trained under."""
    mode = fake.Fake()
    leader = fake.qwen(layers=2, bare=True)
    leader.generation_config = GenerationConfig(eos_token_id=[2], pad_token_id=0)
    with mode.mode:
        leader = leader.to_empty(device="cpu")
    leader.to = lambda *_, **__: leader  # it is where it should be, and cannot be moved

    def load(model, revision, *_):
        return leaders.LoadedLeader(leader, character_tokenizer(), revision)

    def folder_of(self, *_, **__):
        (Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}").mkdir(parents=True)

    def saved(_model, _tokenizer, folder, weights):
        assert len(weights) == len(leader.state_dict())
        folder.mkdir()
        (folder / "names.txt").write_text("\n".join(weights))
        return folder

    monkeypatch.setattr(leaders, "load", load)
    monkeypatch.setattr(Trainer, "_save_checkpoint", folder_of)
    monkeypatch.setattr(fit, "save", saved)
    fake.as_triton_does(monkeypatch)
    monkeypatch.setattr(prefix_attention, "_joins", lambda _: False)
    return mode


def test_fine_tuning_takes_a_step(inputs, on_shapes):
    ctx = inputs.context("sft_leader", small.experiment(sft={"steps": 1, "gradient_checkpointing": True}))
    with on_shapes:
        stats = sft.run(ctx)
    assert stats["headline"]["steps"] == 1 and stats["headline"]["tokens"] > 0


def test_mlpo_takes_a_step(inputs, on_shapes, lenient_grading, monkeypatch):
    def written(self, prompt_ids, *_, **__):
        drawn = random.Random(0)
        return [[*(drawn.randrange(5, 60) for _ in range(drawn.randrange(1, 9))), 2] for _ in prompt_ids], None

    shared = []
    original = LeaderTrainer._get_per_token_logps_and_entropies

    def seen(self, *arguments, **options):
        shared.append(self._shares)
        return original(self, *arguments, **options)

    monkeypatch.setattr(LeaderTrainer, "_generate_single_turn", written)
    monkeypatch.setattr(LeaderTrainer, "_verified", lambda *_: True)
    monkeypatch.setattr(LeaderTrainer, "_get_per_token_logps_and_entropies", seen)
    options = {"steps": 1, "eval_prompts": 0, "gradient_checkpointing": True}
    ctx = inputs.context("mlpo_leader", small.experiment(mlpo=options))
    with on_shapes:
        stats = mlpo.run(ctx)
    assert stats["headline"]["steps"] == 1 and stats["headline"]["tokens"] > 0
    assert shared and all(shared), "the update ran with one copy of every prompt"

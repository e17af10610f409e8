"""The GPU memory that `plan` tells, and what it says of what does not fit."""

import json
from pathlib import Path

import pytest
import torch

from mlpo_core.chain import memory, room
from mlpo_core.chain.dimensions import dimensions
from mlpo_core.chain.memory import GPU_MEMORY, Need, gigabytes
from mlpo_core.chain.plan import Plan, plan
from mlpo_core.chain.plan_table import table
from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load

PAPER = Path("experiments/paper.yaml")
UNSHARDED = ("sharding=none",)


def planned(*overrides: str, gpus: int = 8, gpu_memory: float = GPU_MEMORY) -> dict[str, Need]:
    return {need.stage: need for need in _plan(*overrides, gpus=gpus, gpu_memory=gpu_memory).needs}


def _plan(*overrides: str, gpus: int, gpu_memory: float) -> Plan:
    return plan(load(PAPER, overrides), gpus, gpu_memory=gpu_memory)


def test_the_paper_fits_eight_gpus_of_80_gb() -> None:
    found = planned()
    assert {"agent_proposals", "sft_leader", "mlpo_leader", "grpo_leader", "team_rounds"} <= set(found)
    assert [need.stage for need in found.values() if not need.fits(80e9)] == []
    assert all(need.total > 0 for need in found.values())
    assert "DOES NOT FIT" not in table(plan(load(PAPER), 8))


def test_the_plan_of_a_command_line_tells_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(PAPER), "--gpus", "8", "--gpu-memory", "40GB"]) == 0
    told = capsys.readouterr().out
    assert "memory of one GPU, GB of 40" in told and "DOES NOT FIT" in told
    assert main(["plan", str(PAPER), "--gpus", "8"]) == 0
    assert "DOES NOT FIT" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpus", "0"], "--gpus 0: expected the number of GPUs"),
        (["--gpu-memory", "lots"], "--gpu-memory lots: expected the memory of one GPU"),
        (["--gpu-memory", "0GB"], "--gpu-memory 0GB"),
    ],
)
def test_no_gpu_is_refused_in_words(arguments, said, capsys) -> None:
    assert main(["plan", str(PAPER), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_sizes_of_memory() -> None:
    assert (gigabytes("x", "80GB"), gigabytes("x", "80"), gigabytes("x", "1GiB")) == (80e9, 80e9, 2.0**30)


def test_unsharded_adamw_does_not_fit_and_what_would_is_named() -> None:
    need = planned(*UNSHARDED)["mlpo_leader"]
    parameters = dimensions("Qwen/Qwen2.5-7B-Instruct").parameters
    assert need.weights + need.gradients + need.optimizer == 16 * parameters
    assert not need.fits(80e9)
    assert need.mends == ("launcher: torchrun with sharding: fsdp2", "lora: {rank: 16}")
    assert "mlpo_leader does not fit" in table(_plan(*UNSHARDED, gpus=8, gpu_memory=80e9))


@pytest.mark.parametrize(
    ("mended", "settings"),
    [
        ("gradient_checkpointing: true", ("mlpo.gradient_checkpointing=true",)),
        ("micro_batch_size: 8", ("mlpo.micro_batch_size=8", "mlpo.gradient_checkpointing=false")),
    ],
)
def test_what_is_said_to_mend_it_does(mended: str, settings: tuple[str, ...]) -> None:
    ill = ("mlpo.gradient_checkpointing=false", "mlpo.micro_batch_size=32", "leader.max_new_tokens=256")
    ill = (*ill, "leader.information=answers")
    need = planned(*ill)["mlpo_leader"]
    assert not need.fits(80e9)
    assert mended in need.mends
    assert planned(*ill, *settings)["mlpo_leader"].fits(80e9)


def test_more_gpus_share_a_sharded_leader_and_only_that() -> None:
    four, eight = planned(gpus=4)["sft_leader"], planned(gpus=8)["sft_leader"]
    assert four.optimizer == 2 * eight.optimizer
    assert planned(*UNSHARDED, gpus=4)["sft_leader"].optimizer == planned(*UNSHARDED)["sft_leader"].optimizer


def test_an_adapter_has_gradients_and_states_of_its_own_only() -> None:
    found = planned(*UNSHARDED, "mlpo.lora.rank=16")["mlpo_leader"]
    parameters = dimensions("Qwen/Qwen2.5-7B-Instruct").parameters
    assert 2 * parameters < found.weights < 2.1 * parameters
    assert found.optimizer == 2 * found.gradients < 0.1 * found.weights


def test_an_engine_beside_the_trainer_takes_its_share_and_transformers_a_cache_in_turn() -> None:
    assert planned()["mlpo_leader"].beside == pytest.approx(0.3 * 80e9)
    here = planned("mlpo.rollouts=transformers", "mlpo.rollout_batch_tokens=4000000")["mlpo_leader"]
    assert here.beside == 0 and here.cache > 0
    assert planned("mlpo.rollouts=transformers", "mlpo.rollout_batch_tokens=8192")["mlpo_leader"].cache == 0
    assert planned("mlpo.rounds=2")["mlpo_leader"].beside == pytest.approx((0.3 + 0.9) * 80e9)


def test_an_engine_without_room_for_a_sequence_is_named_with_more_gpus() -> None:
    small = planned(gpu_memory=16e9)["agent_proposals"]
    assert not small.fits(16e9)
    assert "engine.tensor_parallel_size: 2" in small.mends
    assert planned("engine.tensor_parallel_size=2", gpu_memory=24e9)["agent_proposals"].fits(24e9)


def test_endpoints_and_recorded_agents_need_no_memory() -> None:
    assert plan(load(Path("experiments/recorded.yaml"))).needs == []
    remote = "{kind: openai, base_url: 'http://one/v1'}"
    everybody = [f"team.agents.{i}.{part}" for i in range(3) for part in ("model=any", f"engine={remote}")]
    assert "agent_proposals" not in planned(*everybody)
    assert planned(*everybody)["team_rounds"].model == "Qwen/Qwen2.5-7B-Instruct", "the leader writes here"


def test_shapes_of_a_local_checkpoint_are_read_and_of_an_unknown_one_guessed(tmp_path: Path) -> None:
    config = {
        "num_hidden_layers": 4,
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "vocab_size": 1000,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert dimensions(str(tmp_path)) == (4, 64, 256, 8, 2, 8, 1000, False)
    guessed = dimensions("org/strange-9B")
    assert guessed.parameters == pytest.approx(9e9, rel=0.03)
    with pytest.raises(BadInput, match="org/model"):
        dimensions("org/model")


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7.62),
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03),
        ("google/gemma-2-9b-it", 9.24),
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.494),
    ],
)
def test_known_models_have_the_sizes_that_they_publish(model: str, billions: float) -> None:
    assert dimensions(model).parameters == pytest.approx(billions * 1e9, rel=0.01)


def test_a_stage_that_cannot_fit_its_gpu_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load(PAPER, ("launcher=local", *UNSHARDED))
    room.check_room("mlpo_leader", experiment)  # no GPU here: nothing to hold it against
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(room.GPU_MEMORY, "80GB")
    with pytest.raises(BadInput, match=r"mlpo_leader does not fit.*lora: \{rank: 16\}.*MLPO_GPU_MEMORY="):
        room.check_room("mlpo_leader", experiment)
    room.check_room("agent_proposals", experiment)
    monkeypatch.setenv(room.GPU_MEMORY, "400GB")
    room.check_room("mlpo_leader", experiment)


def test_a_stage_without_models_here_starts_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked() -> None:
        raise AssertionError("the device was looked at")

    monkeypatch.setattr(room, "_memory", looked)
    for stage in ("tasks", "hard_tasks", "benchmark_predictions", "benchmark_report"):
        room.check_room(stage, load(PAPER))
    room.check_room("agent_proposals", load(Path("experiments/recorded.yaml")))
    for stage in ("agent_proposals", "sft_dataset", "mlpo_leader", "team_rounds"):
        with pytest.raises(AssertionError, match="looked at"):
            room.check_room(stage, load(PAPER))


def test_a_process_of_a_sharded_group_is_held_against_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(room.GPU_MEMORY, "80GB")
    monkeypatch.setenv("WORLD_SIZE", "8")
    room.check_room("mlpo_leader", load(PAPER))
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(BadInput, match="mlpo_leader does not fit"):
        room.check_room("mlpo_leader", load(PAPER))


def test_the_margin_lets_an_estimate_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "8")
    need = planned("mlpo.rollouts=transformers")["mlpo_leader"].total / memory.GIGA
    monkeypatch.setenv(room.GPU_MEMORY, f"{need / 1.1:.2f}GB")
    room.check_room("mlpo_leader", load(PAPER, ("mlpo.rollouts=transformers",)))
    monkeypatch.setenv(room.GPU_MEMORY, f"{need / 1.2:.2f}GB")
    with pytest.raises(BadInput, match="does not fit"):
        room.check_room("mlpo_leader", load(PAPER, ("mlpo.rollouts=transformers",)))

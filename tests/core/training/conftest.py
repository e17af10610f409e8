"""Input versions of a small experiment."""

from pathlib import Path

import pytest

from mlpo_core.mlpo import seats
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.training import rewards
from tests.core.training import small


@pytest.fixture
def inputs(tmp_path: Path) -> small.Inputs:
    """A root with a random base leader, ten traces, and team and solo prompts for train and dev."""
    made = small.Inputs(tmp_path / "root")
    made.base_leader(small.save_leader(tmp_path / "leader"))
    made.add("sft_dataset", [small.trace(n) for n in range(10)])
    prompts = [(n, s, m) for n in range(10) for s in ("train", "dev") for m in ("team", "solo")]
    made.add("mlpo_dataset", [small.leader_prompt_row(*p) for p in prompts])
    return made


@pytest.fixture
def lenient_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewards that differ inside groups of a random leader, undone afterwards."""
    monkeypatch.setattr(rewards, "grade", rewards.grade)
    small.grade_by_letters()


@pytest.fixture
def team_inputs(tmp_path: Path) -> small.Inputs:
    """Prompts of a team of two agents, which share a random model, with what later rounds start from; one is solo."""
    made = small.Inputs(tmp_path / "root")
    made.base_team(small.save_leader(tmp_path / "leader"), small.save_leader(tmp_path / "agent", "llama", seed=3))
    prompts = [small.leader_prompt_row(n) for n in range(4)]
    starts = [small.seats_entry(row) for row in prompts]
    for row, start in zip(prompts, starts, strict=True):
        row["prompt"] = leader_prompt(seats.parsed(start).task, start["responses"])
    alone = {**small.leader_prompt_row(5, mode="solo"), "prompt": "alone: 5+1"}
    made.add("mlpo_dataset", [*prompts, alone], seats=starts)
    return made

"""The deferral leader, trained through TRL on a miniature: it learns the number of the member that is right."""

import pytest
import torch

from mlpo_core.errors import BadInput
from mlpo_core.experiment import LoRA
from mlpo_core.methods.deferral_leader import deferred_to, naming
from mlpo_core.prompts import chat
from mlpo_core.training import deferral
from mlpo_core.training import leader as leaders
from tests.core.training import small
from tests.mini_chain import proposal


@pytest.fixture
def team(inputs, tmp_path):
    """A root of its own for prompts, with the base leader."""
    fresh = small.Inputs(tmp_path / "team")
    fresh.refs = {"base_models": inputs.refs["base_models"]}
    return fresh


def add_team(inputs, right):
    """Prompts of two proposals; `right` says of each prompt which are right."""
    rows, prompts = [], []
    for n, seats in enumerate(right):
        of = {"task_id": f"task{n}", "benchmark": "procedural", "split": "train", "answer": "1"}
        made = [proposal(of, agent, 0, "1" if good else "0") for agent, good in zip("ab", seats, strict=True)]
        rows += made
        ids = [p["proposal_id"] for p in made]
        prompts.append({**small.leader_prompt_row(n), "proposal_ids": ids, "prompt": f"{n} {n} {n}"})
    inputs.add("agent_proposals", rows)
    inputs.add("mlpo_dataset", prompts)


def test_it_learns_whom_to_trust(team):
    add_team(team, [(True, False), (False, True), (True, True), (False, False)])
    settings = small.experiment(sft={"steps": 60, "batch_size": 2, "learning_rate": 1e-2})
    ctx = team.context("deferral_leader", settings)
    assert deferral.run(ctx)["headline"]["prompts"] == 2  # where all or none are right there is nobody to choose
    loaded = leaders.load(str(ctx.writer.scratch() / "final"), None, leaders.leader_section(ctx), LoRA())
    for prompt, seat in (("0 0 0", 0), ("1 1 1", 1)):
        ids = torch.tensor([chat.encode(loaded.tokenizer, prompt)])
        with torch.no_grad():
            made = loaded.model.generate(ids, max_new_tokens=4, do_sample=False)
        assert loaded.tokenizer.decode(made[0, ids.shape[1] :]).startswith(naming(seat))


def test_a_team_that_always_agrees_teaches_nothing(team):
    add_team(team, [(True, True), (False, False)])
    with pytest.raises(BadInput, match="nobody to choose"):
        deferral.run(team.context("deferral_leader", small.experiment()))


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("<answer>2</answer>", "second"),
        ("<answer>1</answer> no: <answer> 2 </answer>", "second"),
        ("<answer>3</answer>", ""),
        ("<answer>0</answer>", ""),
        ("I trust nobody.", ""),
    ],
)
def test_an_answer_is_that_of_the_member_named(response, answer):
    assert deferred_to(response, ("first", "second")) == answer

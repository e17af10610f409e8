"""Votes on dev tasks are the benchmark's methods, and learn nothing from the tasks that they are measured on."""

import numpy as np
import pytest

from mlpo_core.advice.votes import votes
from mlpo_core.errors import BadInput
from mlpo_core.types import stable_seed
from tests import mini_chain as mini
from tests.core.advice import teams


def test_what_a_team_says_is_counted(tmp_path) -> None:
    """Alpha is right on even tasks, beta on every third, gamma never answers."""

    def says(task, agent):
        n = int(task["answer"])
        right = {"alpha": n % 2 == 0, "beta": n % 3 == 0}.get(agent)
        return mini.proposal(task, agent, 0, None if right is None else task["answer"] if right else f"-{agent}")

    found = votes(mini.experiment(), teams.team(tmp_path, says, train=60, dev=60))
    assert (found.fitted_on, len(found.tasks), found.best) == (60, 60, "alpha")
    assert found.single.mean() == 1 / 2 and found.any_right.mean() == pytest.approx(2 / 3)
    assert found.agreement == pytest.approx(1 / 6 / 3) and found.unanimous == 0
    assert found.vote.shape == (1, 60)


def test_every_sample_is_a_draw_and_every_seed(tmp_path) -> None:
    def says(task, agent):
        return mini.proposal(task, agent, 0, task["answer"])

    there = teams.team(tmp_path, says, train=5, dev=5)
    found = votes(mini.experiment(benchmark={"seeds": [3, 5, 8]}), there)
    assert found.vote.shape == found.learned.shape == (3, 5) and found.vote.all()
    twice = [
        row | {"sample_index": j, "proposal_id": f"{row['proposal_id']}-{j}"}
        for row in there["agent_proposals"].rows()
        for j in (0, 1)
    ]
    there["agent_proposals"] = mini.put(mini.store(tmp_path), "agent_proposals", twice, key="twice")
    assert votes(mini.experiment(), there).weighted.shape == (2, 5)


def test_the_verdict_on_a_task_has_no_part_in_the_answer_to_it(tmp_path) -> None:
    """Whatever is chosen is chosen on the other half: with all golds of one half turned round, its answers stay."""
    half = {f"t{n:05d}" for n in range(1000) if stable_seed("half", f"t{n:05d}") % 2}
    there = teams.team(tmp_path, teams.skilled(0.7, 0.5, 0.3, wrongs=3), train=100, dev=100)
    turned = [
        row | {"correct": row["correct"] != (row["split"] == "dev" and row["task_id"] in half)}
        for row in there["agent_proposals"].rows()
    ]
    other = {**there, "agent_proposals": mini.put(mini.store(tmp_path), "agent_proposals", turned, key="turned")}
    first, second = (votes(mini.experiment(), inputs) for inputs in (there, other))
    at = np.array([task.task_id in half for task in first.tasks])
    assert 30 < at.sum() < 70
    for name in ("weighted", "learned"):
        assert (getattr(second, name)[:, at] == ~getattr(first, name)[:, at]).all()


@pytest.mark.parametrize(("train", "dev", "said"), [(0, 4, "no train task"), (4, 0, "no dev task")])
def test_both_splits_are_needed(tmp_path, train, dev, said) -> None:
    there = teams.team(tmp_path, teams.one_mind(0.5), train, dev)
    with pytest.raises(BadInput, match=rf"mini has {said}.*raise tasks\.\*"):
        votes(mini.experiment(), there)

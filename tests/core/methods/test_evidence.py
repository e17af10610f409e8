"""The cube of proposals: what stands in every cell, wherever the rows were stored."""

import numpy as np
import pytest

from mlpo_core.errors import BadInput
from mlpo_core.methods.evidence import canonical, read_cube
from mlpo_core.store import Store
from mlpo_core.tasks.index import TaskIndex
from mlpo_core.types import Task
from tests import mini_chain as mini

TASKS = [
    Task(f"t{n}", "bbh", "", "test", "", (), "x", kind)
    for n, kind in enumerate(("exact", "math", "exact", "number", "math"))
]
SAMPLES = 3


def said(task: int, agent: int, sample: int) -> str | None:
    """Few distinct answers, some of which are one in the way of their kind, and some that were not read out."""
    return (None, "1/3", "1/2", r"\frac{1}{2}", r"\dfrac{1}{2}", "A  b", "a B", "")[(task * 5 + agent * 3 + sample) % 8]


@pytest.fixture
def rows():
    made = [
        {
            **mini.proposal(
                {"task_id": task.task_id, "benchmark": "bbh", "split": "test", "answer": "x"}, agent, j, said(t, a, j)
            ),
            "correct": (t + a + j) % 2 == 0,
            "prompt_tokens": None if (t, a, j) == (2, 1, 0) else 100 * t + 10 * a + j,
        }
        for t, task in enumerate(TASKS)
        for a, agent in enumerate(mini.AGENTS)
        for j in range(SAMPLES + 1)
    ]
    return [made[i] for i in np.random.default_rng(0).permutation(len(made))]


def index(tmp_path, rows):
    return TaskIndex(mini.put(Store(str(tmp_path)), "benchmark_proposals", rows, part=7))


def test_every_cell_is_its_own_row_in_any_order_of_tasks_and_agents(tmp_path, rows):
    tasks, agents = [TASKS[3], TASKS[0], TASKS[1]], list(reversed(mini.AGENTS))
    cube = read_cube(index(tmp_path, rows), tasks, agents, SAMPLES)
    stored = {(r["task_id"], r["agent"], r["sample_index"]): r for r in rows}
    for cell in np.ndindex(len(tasks), len(agents), SAMPLES):
        row = stored[tasks[cell[0]].task_id, agents[cell[1]], cell[2]]
        texts = (cube.proposal_id[cell], cube.response[cell], cube.extracted[cell])
        assert texts == (row["proposal_id"], row["response"], row["extracted"])
        assert (cube.correct[cell], cube.prompt_tokens[cell]) == (row["correct"], row["prompt_tokens"])
    ids = cube.proposal_id.several(np.s_[1, [2, 0], [1, 1]])
    assert ids == [cube.proposal_id[1, 2, 1], cube.proposal_id[1, 0, 1]]
    assert cube.extracted.several(np.s_[0, :, 0]) == [cube.extracted[0, a, 0] for a in range(len(agents))]


def test_answers_count_as_one_in_the_way_of_their_tasks_kind(tmp_path, rows):
    cube = read_cube(index(tmp_path, rows), TASKS, mini.AGENTS, SAMPLES)
    found = set()
    for cell in np.ndindex(cube.codes.shape):
        answer, kind, code = cube.extracted[cell], TASKS[cell[0]].answer_kind, cube.codes[cell]
        assert (None if code < 0 else cube.answers[code]) == (None if answer is None else canonical(kind, answer))
        found.add((kind, answer, int(code)))
    codes = {(kind, answer): code for kind, answer, code in found}
    assert len(codes) == len(found) and len(cube.answers) == len(set(cube.answers))
    assert codes["exact", "A  b"] == codes["exact", "a B"] != codes["exact", "1/2"]
    assert codes["math", r"\frac{1}{2}"] == codes["math", r"\dfrac{1}{2}"] != codes["math", "1/3"]


def test_what_was_not_recorded_makes_the_sum_unknown(tmp_path, rows):
    cube = read_cube(index(tmp_path, rows), TASKS, mini.AGENTS, SAMPLES)
    assert cube.cost(2, [0, 1], [0, 0]).prompt_tokens is None
    assert cube.cost(2, [0, 2], [0, 1]).prompt_tokens == 200 + 221


@pytest.mark.parametrize("problem", ["is missing", "is there twice"])
def test_a_missing_or_doubled_proposal_is_named(tmp_path, rows, problem):
    row = next(r for r in rows if (r["task_id"], r["agent"], r["sample_index"]) == ("t1", mini.AGENTS[1], 2))
    others = [r for r in rows if r is not row]
    changed = others if problem == "is missing" else [*rows, {**row, "proposal_id": "again"}]
    with pytest.raises(BadInput, match=rf"sample 2 of {mini.AGENTS[1]} on task t1 {problem}"):
        read_cube(index(tmp_path, changed), TASKS, mini.AGENTS, SAMPLES)

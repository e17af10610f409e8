"""Teams whose answers are made up, so that it is known what pays for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_core.store import Dataset
from tests import mini_chain as mini

Says = Callable[[dict[str, Any], str], dict[str, Any]]
"""What an agent answers to a task: a row of `agent_proposals`."""


def team(
    folder: Path, says: Says, train: int = 300, dev: int = 300, **assets: list[dict[str, Any]]
) -> dict[str, Dataset]:
    """The versions that hold such a team; `assets` are the rows of further ones. Two test tasks are there as well."""
    store = mini.store(folder)
    past = [mini.task(n, "train" if n < train else "dev", question=f"task {n}") for n in range(train + dev)]
    test = [mini.task(9000 + n, "test", question=f"test {n}") for n in range(2)]
    rows = {
        "tasks": [*past, *test],
        "agent_proposals": [says(task, agent) for task in past for agent in mini.AGENTS],
        **assets,
    }
    return {asset: mini.put(store, asset, of_asset) for asset, of_asset in rows.items()}


def skilled(*skills: float, wrongs: int = 50) -> Says:
    """Agents that are right so often, independently of each other, and otherwise give one of so many wrong answers."""
    draws = np.random.default_rng(7)

    def says(task: dict[str, Any], agent: str) -> dict[str, Any]:
        right = draws.random() < skills[mini.AGENTS.index(agent)]
        return mini.proposal(task, agent, 0, task["answer"] if right else str(-1 - draws.integers(wrongs)))

    return says


def one_mind(skill: float) -> Says:
    """Agents that all give the same answer, right so often."""
    draws = np.random.default_rng(7)
    said: dict[str, str] = {}

    def says(task: dict[str, Any], agent: str) -> dict[str, Any]:
        answer = said.setdefault(task["task_id"], task["answer"] if draws.random() < skill else "-1")
        return mini.proposal(task, agent, 0, answer)

    return says


def thoughtful() -> Says:
    """Agents of which one is right, another one for every task: the one that writes at length."""

    def says(task: dict[str, Any], agent: str) -> dict[str, Any]:
        right = mini.AGENTS[int(task["answer"]) % 3] == agent
        row = mini.proposal(task, agent, 0, task["answer"] if right else f"-{agent}")
        return row | {"response": "step by step, " * (40 if right else 2) + row["response"]}

    return says
